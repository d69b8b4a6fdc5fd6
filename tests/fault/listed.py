"""For harnesses whose cases can be listed: groups of texts, each of which says all there is to a
case."""

from bench import Failed
from harness import HarnessBase


class ListedHarness(HarnessBase):
    def lists(self):
        """{group: [texts]}"""
        raise NotImplementedError

    def run_case(self, bench, text):
        """One case from a fresh start; raises Failed when something is wrong."""
        raise NotImplementedError

    def groups(self):
        self._lists = self.lists()
        return list(self._lists)

    def counts(self, bench):
        return {group: len(texts) for group, texts in self.lists().items()}

    def run(self, bench, group, number):
        texts = self.lists()[group]
        if number > len(texts):
            return False
        try:
            self.run_case(bench, texts[number - 1])
        except Failed as failure:
            raise Failed(f"{texts[number - 1]}\n{failure}") from None
        return True
