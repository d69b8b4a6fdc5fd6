// Stores the batches of one pass in an archive database: rows and control entry of a batch in one
// transaction, on a connection of its own. A lost or refused transaction is tried again from its
// beginning, which is safe: the control entry says whether the batch is stored.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "destination/control_table.h"
#include "destination/destination.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"

namespace osarchiver {

class DatabaseTableWriter final : public TableWriter {
 public:
  // `connect` opens a connection to the node at hand; the table is prepared.
  DatabaseTableWriter(std::function<std::unique_ptr<Connection>()> connect, CopyTarget target,
                      TableName table, const PassContext& pass);

  CopyLocation Store(const BatchToStore& batch) override;
  void Seal() override {}

 private:
  void Connect();
  void StoreOnce(const BatchToStore& batch);
  bool IsStored(const BatchToStore& batch);
  ControlEntry Entry(const BatchToStore& batch) const;

  std::function<std::unique_ptr<Connection>()> connect_;
  CopyTarget target_;
  TableName table_;
  PassContext pass_;
  std::string table_id_;
  std::string definition_json_;
  ControlTable control_;
  std::unique_ptr<Connection> connection_;
  std::size_t max_packet_bytes_ = 0;
};

}  // namespace osarchiver
