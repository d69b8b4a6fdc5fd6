#include "cli/main_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/options.h"
#include "config/load.h"
#include "util/error.h"
#include "util/failpoint.h"
#include "util/memory.h"

namespace osarchiver {
namespace {

struct CommandEntry {
  const char* name;
  const char* purpose;
  ExitCode (*run)(const GlobalOptions&, const Arguments&);
};

ExitCode FailpointsCommand(const GlobalOptions&, const Arguments& arguments) {
  const auto options = ParseOptions(
      "failpoints", "Lists the names that OSARCHIVER_FAILPOINTS takes.", {}, arguments);
  if (!options) return ExitCode::kSuccess;
  options->RequireNoPositional("usage: osarchiver failpoints");
  for (const std::string_view name : kFailpoints) Print(std::string(name) + "\n");
  return ExitCode::kSuccess;
}

const std::vector<CommandEntry>& Commands() {
  static const std::vector<CommandEntry> commands = {
      {"run", "archive, verify and delete soft-deleted rows", RunCommand},
      {"status", "what the last runs did, what is left and why", StatusCommand},
      {"verify", "prove that archives are complete and intact", VerifyCommand},
      {"restore", "put back what a run removed", RestoreCommand},
      {"rebuild-journal", "make a lost journal again from the archives", RebuildJournalCommand},
      {"cat", "write the text of segment files to stdout", CatCommand},
      {"check", "configuration, connections, privileges, order of tables", CheckCommand},
      {"failpoints", "list the places where tests make a run fail", FailpointsCommand},
  };
  return commands;
}

std::string Usage() {
  std::string text =
      "usage: osarchiver [--config FILE] [--log-file FILE] [--log-level LEVEL] [--debug] COMMAND "
      "...\n\ncommands:\n";
  for (const CommandEntry& command : Commands())
    text += fmt::format("  {:<16} {}\n", command.name, command.purpose);
  text +=
      "\noptions:\n"
      "  --config FILE     configuration (default /etc/osarchiver/osarchiver.yaml)\n"
      "  --log-file FILE   log here instead of the configured file\n"
      "  --log-level LEVEL debug, info, warning or error, on stderr too\n"
      "  --debug           the same as --log-level debug\n"
      "  --version, --help\n"
      "\nosarchiver COMMAND --help tells more. Exit codes: 0 done, 1 something failed, 2 usage or "
      "configuration,\n"
      "3 damage found, 4 another run holds the lock, 5 stopped early (the next run goes on).\n";
  return text;
}

const CommandEntry& FindCommand(const std::string& name) {
  std::vector<std::string> names;
  for (const CommandEntry& command : Commands()) {
    if (command.name == name) return command;
    names.emplace_back(command.name);
  }
  const auto near = NearestWord(name, names);
  throw ConfigError("no command '" + name + "'", near ? "did you mean '" + *near + "'?"
                                                      : "osarchiver --help lists the commands");
}

// Takes the options in front of the command. Returns the index of the command; argc when there is
// none.
std::size_t ParseGlobal(const std::vector<std::string>& words, GlobalOptions* global) {
  std::size_t i = 0;
  const auto value = [&](const std::string& name) {
    const std::string& word = words[i];
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) return word.substr(equals + 1);
    if (i + 1 >= words.size()) throw ConfigError(name + " needs a value");
    return words[++i];
  };
  for (; i < words.size() && words[i].starts_with("-"); ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    if (name == "--config") {
      global->config = value(name);
    } else if (name == "--log-file") {
      global->log_file = value(name);
    } else if (name == "--log-level") {
      global->log_level = value(name);
    } else if (name == "--debug") {
      global->log_level = "debug";
    } else {
      throw ConfigError("unknown option " + name,
                        "osarchiver --help lists the options; a command's own go behind it");
    }
  }
  return i;
}

ExitCode Dispatch(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (!word.starts_with("-")) break;
    if (word == "--help" || word == "-h") {
      Print(Usage());
      return ExitCode::kSuccess;
    }
    if (word == "--version") {
      Print("osarchiver " OSARCHIVER_VERSION "\n");
      return ExitCode::kSuccess;
    }
  }
  LoadFailpoints();
  GlobalOptions global;
  const std::size_t index = ParseGlobal(words, &global);
  if (index == words.size())
    throw ConfigError("no command given", "osarchiver --help lists the commands");
  const Arguments arguments(words.begin() + static_cast<std::ptrdiff_t>(index) + 1, words.end());
  return FindCommand(words[index]).run(global, arguments);
}

int Report(ExitCode code, const std::exception& error, const std::string& hint) {
  std::fprintf(stderr, "osarchiver: %s\n", error.what());
  if (!hint.empty()) std::fprintf(stderr, "HINT: %s\n", hint.c_str());
  return static_cast<int>(code);
}

}  // namespace

int Main(int argc, char** argv) {
  SetUpMemory();
  try {
    return static_cast<int>(Dispatch(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const ConfigError& error) {
    return Report(ExitCode::kUsage, error, error.hint());
  } catch (const IntegrityError& error) {
    return Report(ExitCode::kDamage, error, error.hint());
  } catch (const LockedError& error) {
    return Report(ExitCode::kLocked, error, error.hint());
  } catch (const Error& error) {
    return Report(ExitCode::kFailed, error, error.hint());
  } catch (const std::exception& error) {
    return Report(ExitCode::kFailed, error, {});
  }
}

}  // namespace osarchiver
