#pragma once
#include <napi.h>

namespace rnn::binding {

// Whether this thread is in a backward that JavaScript computes, with what surrounds the call of it still held.
bool in_javascript_backward();

void init_function(Napi::Object exports);

}  // namespace rnn::binding
