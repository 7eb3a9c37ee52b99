#pragma once
#include <napi.h>

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "binding/addon.h"

namespace rnn::binding {

// The lane of an environment and its way back to the JavaScript thread. Made at first use.
class Offload {
 public:
  Offload(Napi::Env env, Addon& addon);
  ~Offload();
  Lane& lane() { return *lane_; }

  // A batch whose jobs are yet to be posted.
  BatchPtr open();
  // Posts a job of a batch that was opened here, and keeps in mind what it does.
  uint64_t post(Job job);
  // A promise that settles when all jobs of the batch have run.
  Napi::Value fence(Napi::Env env, const BatchPtr& batch, std::vector<std::pair<Handles::Id, uint64_t>> queued);
  // Skips those that have not begun.
  void cancel(uint64_t batch);

  // Skips what has not begun of all batches, and waits for what has.
  void stop();

  // Whether all that was posted has run.
  bool idle();
  // Blocks until nothing that was posted gets in the way of a call with these effects.
  void wait_for(const Effects& effects);
  // How many batches are not done.
  size_t pending();

 private:
  struct Fence;
  struct Port;

  void connect(Napi::Env env);
  void disconnect(Napi::Env env);
  // Closes the way back where nothing is queued.
  void rest(Napi::Env env);
  static void settle(napi_env env, napi_value callback, void* context, void* data);
  void settle(Napi::Env env, const Fence& fence);

  Addon& addon_;
  std::shared_ptr<Port> port_;
  std::deque<BatchPtr> unfinished_;
  uint64_t batches_ = 0;
  std::unique_ptr<Lane> lane_;
};

}  // namespace rnn::binding
