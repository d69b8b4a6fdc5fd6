#include "engine/pass_archive.h"

#include <future>

#include "util/failpoint.h"

namespace osarchiver {

Destination* FindDestination(const Destinations& destinations, const CopyTarget& target) {
  for (Destination* destination : destinations) {
    if (destination->target() == target) return destination;
  }
  return nullptr;
}

PassArchive::PassArchive(Journal& journal, const Destinations& destinations, PassContext context)
    : journal_(journal),
      destinations_(destinations),
      context_(std::move(context)),
      last_number_(journal.LastBatchNumber(context_.pass)),
      writers_(destinations.size()) {}

TableWriter& PassArchive::WriterFor(std::size_t index) {
  if (!writers_[index]) writers_[index] = destinations_[index]->OpenTable(context_, journal_);
  return *writers_[index];
}

void PassArchive::Announce() {
  for (std::size_t i = 0; i < destinations_.size(); ++i) WriterFor(i).Announce();
}

std::vector<CopyLocation> PassArchive::Store(const BatchToStore& batch) {
  stored_number_ = batch.number;
  std::vector<CopyLocation> copies(destinations_.size());
  std::vector<std::size_t> beside;
  for (std::size_t i = 0; i < destinations_.size(); ++i) {
    if (destinations_[i]->may_conflict()) {
      copies[i] = StoreIn(i, batch);
    } else {
      beside.push_back(i);
    }
  }
  std::vector<std::future<CopyLocation>> others;
  for (std::size_t k = 1; k < beside.size(); ++k) {
    others.push_back(
        std::async(std::launch::async, [&, i = beside[k]] { return StoreIn(i, batch); }));
  }
  if (!beside.empty()) copies[beside[0]] = StoreIn(beside[0], batch);
  for (std::size_t k = 1; k < beside.size(); ++k) copies[beside[k]] = others[k - 1].get();
  return copies;
}

CopyLocation PassArchive::StoreIn(std::size_t index, const BatchToStore& batch) {
  Failpoint("batch-store-before");
  CopyLocation copy = WriterFor(index).Store(batch);
  Failpoint("batch-store-after");
  return copy;
}

CopyLocation PassArchive::StoreAt(Destination& destination, const BatchToStore& batch) {
  for (std::size_t i = 0; i < destinations_.size(); ++i) {
    if (destinations_[i] == &destination) return WriterFor(i).Store(batch);
  }
  throw StateError("destination " + destination.target().destination + " is not part of this run");
}

void PassArchive::Seal() {
  for (auto& writer : writers_) {
    if (writer) writer->AnnounceSeal();
  }
  for (auto& writer : writers_) {
    if (writer) writer->Seal();
    writer.reset();
  }
}

void DescribeRows(const std::vector<std::size_t>& key, BatchInFlight* batch) {
  batch->info.rows = batch->rows.row_count();
  batch->info.bytes = batch->rows.byte_count();
  batch->info.digest = BatchDigest(batch->hashes);
  batch->info.first_key = KeyBytes(batch->rows.row(0), key);
  batch->info.last_key = KeyBytes(batch->rows.row(batch->rows.row_count() - 1), key);
}

BatchToStore ToStore(const BatchInFlight& batch) {
  BatchToStore store;
  store.number = batch.info.number;
  store.rows = &batch.rows;
  store.row_hashes = &batch.hashes;
  store.digest = batch.info.digest;
  store.supersedes = batch.supersedes;
  return store;
}

}  // namespace osarchiver
