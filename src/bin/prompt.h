// The prompt of `zooid cli` on a terminal: line editing beside the running loop, so that pings go
// out, events appear at once above the line, and completion asks the server.
#pragma once

#include "bin/loop_terminal.h"
#include "cli/shell.h"

namespace zooid::bin {

// Reads lines from the terminal until quit or the end of input; the exit code. Ctrl-C drops the
// line, Ctrl-D leaves. The history is kept in ~/.zooid_history across sessions. One prompt at a
// time.
int run_prompt_on_terminal(LoopTerminal& loop, cli::Shell& shell);

}  // namespace zooid::bin
