// The whole command line: finds the command, gives it its words, turns errors into exit codes.
// main() only calls it.
#pragma once

namespace osarchiver {

int Main(int argc, char** argv);

}  // namespace osarchiver
