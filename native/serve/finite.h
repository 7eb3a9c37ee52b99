#pragma once
#include <cstdint>

namespace rnn::serve {

// The index of the first number that is infinite or NaN; -1 if there is none.
int64_t first_not_finite(const float* x, int64_t count);

}  // namespace rnn::serve
