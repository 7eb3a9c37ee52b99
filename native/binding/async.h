#pragma once
#include <napi.h>

#include <functional>

namespace rnn::binding {

// Runs `work` on a thread of Node's thread pool, then `result` on the JavaScript thread, whose value the promise gets.
Napi::Promise run_async(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> result);

}  // namespace rnn::binding
