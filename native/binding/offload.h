#pragma once
#include <napi.h>

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "binding/addon.h"

namespace rnn::binding {

// The lane of an environment and its connection back to the JavaScript thread. Created on first use.
class Offload {
 public:
  Offload(Napi::Env env, Addon& addon);
  ~Offload();
  Lane& lane() { return *lane_; }

  // Opens a new batch, whose jobs are posted later.
  BatchPtr open();
  // Posts a job of a batch opened here, and records its effects.
  uint64_t post(Job job);
  // A promise that settles when all jobs of the batch have run.
  Napi::Value fence(Napi::Env env, const BatchPtr& batch, std::vector<std::pair<Handles::Id, uint64_t>> queued);
  // Skips the jobs of the batch that have not started.
  void cancel(uint64_t batch);

  // Skips the jobs of all batches that have not started, and waits for the running one.
  void stop();

  // Whether all posted jobs have run.
  bool idle();
  // Blocks until no posted job conflicts with a call with these effects.
  void wait_for(const Effects& effects);
  // The number of unfinished batches.
  size_t pending();

 private:
  struct Fence;
  struct Port;

  void connect(Napi::Env env);
  void disconnect(Napi::Env env);
  // Closes the connection if nothing is queued.
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
