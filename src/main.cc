#include "cli/main_command.h"

int main(int argc, char** argv) { return osarchiver::Main(argc, argv); }
