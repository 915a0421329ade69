#include "base/version.h"

#ifndef ZOOID_COMMIT
#define ZOOID_COMMIT "unknown"
#endif
#ifndef ZOOID_COMMIT_DATE
#define ZOOID_COMMIT_DATE "1970-01-01 00:00 UTC"
#endif

namespace zooid {

const char* const kCommit = ZOOID_COMMIT;
const char* const kVersionText = "3.9.5-zooid-0.1.0-" ZOOID_COMMIT ", built on " ZOOID_COMMIT_DATE;

}  // namespace zooid
