// Under which names a journal that is made again finds archive databases. They may have been made
// under others than today's, and the configurations that said so were lost with the journal.
#pragma once

#include <map>
#include <set>
#include <string>

#include "config/settings.h"
#include "state/journal.h"

namespace osarchiver {

// Of one run, by destination and table: the databases with entries of it.
using FoundDatabases = std::map<std::string, std::map<PassKey, std::set<std::string>>>;

// The configuration to be recorded for the run: today's, where that leads to every table;
// otherwise with a `database_name` that leads to those that today's misses. Where no single one
// does, as today.
std::string RebuiltConfiguration(const Settings& settings, const FoundDatabases& found);

}  // namespace osarchiver
