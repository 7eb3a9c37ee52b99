#pragma once
#include <napi.h>

#include "binding/addon.h"

namespace rnn::binding {

// The lane of an environment and its way back to the JavaScript thread. Made at first use.
class Offload {
 public:
  Offload(Napi::Env env, Addon& addon);
  ~Offload();
  Lane& lane() { return *lane_; }

  // A promise that settles when all jobs of the batch have run.
  Napi::Value fence(Napi::Env env, BatchPtr batch, std::vector<std::pair<Handles::Id, uint64_t>> recorded);

 private:
  struct Fence;
  struct Port;

  static void settle(napi_env env, napi_value callback, void* context, void* data);
  void settle(Napi::Env env, const Fence& fence);

  Addon& addon_;
  std::shared_ptr<Port> port_;
  std::unique_ptr<Lane> lane_;
};

}  // namespace rnn::binding
