// What the process tells of itself to four-letter words (envi, mntr).
#pragma once

#include "server/process_facts.h"

namespace zooid::bin {

server::ProcessFacts process_facts();

}  // namespace zooid::bin
