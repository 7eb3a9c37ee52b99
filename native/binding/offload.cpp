#include "binding/offload.h"

#include <functional>
#include <mutex>
#include <optional>

#include "binding/convert.h"
#include "binding/error.h"

namespace rnn::binding {

struct Offload::Fence {
  BatchPtr batch;
  std::vector<std::pair<Handles::Id, uint64_t>> queued;
  Napi::Promise::Deferred deferred;
};

// The lane posts its messages here. It is closed before the environment ends; later messages are dropped.
struct Offload::Port {
  std::mutex mutex;
  napi_threadsafe_function function = nullptr;
  std::optional<Napi::Env::CleanupHook<std::function<void()>>> hook;
  size_t fences = 0;
};

Offload::Offload(Napi::Env env, Addon& addon)
    : addon_(addon), port_(std::make_shared<Port>()), lane_(std::make_unique<Lane>()) {
  // process.exit() does not run cleanup hooks, and then destroys objects that LibTorch uses.
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const auto stop_at_exit = [](const Napi::CallbackInfo& info) {
    if (const auto& offload = Addon::of(info.Env()).offload) offload->stop();
  };
  process.Get("once").As<Napi::Function>().Call(
      process, {Napi::String::New(env, "exit"), Napi::Function::New(env, stop_at_exit)});
}

Offload::~Offload() = default;

// Open only while something is queued: otherwise test runners report a leaked handle.
void Offload::connect(Napi::Env env) {
  napi_value name = Napi::String::New(env, "libtorch-rnn");
  napi_threadsafe_function function = nullptr;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, &Offload::settle,
                                      &function) != napi_ok) {
    throw std::runtime_error("Node could not create a thread-safe function");
  }
  // Registered after the function, hence run before Node destroys the function: a lane still running at that point
  // would post to freed memory.
  port_->hook.emplace(env.AddCleanupHook(std::function<void()>([this] {
    {
      const std::lock_guard lock(port_->mutex);
      port_->function = nullptr;
    }
    lane_.reset();
  })));
  const std::lock_guard lock(port_->mutex);
  port_->function = function;
}

void Offload::disconnect(Napi::Env env) {
  port_->hook->Remove(env);
  port_->hook.reset();
  const std::lock_guard lock(port_->mutex);
  napi_release_threadsafe_function(std::exchange(port_->function, nullptr), napi_tsfn_release);
}

BatchPtr Offload::open() {
  unfinished_.push_back(std::make_shared<Batch>(++batches_));
  return unfinished_.back();
}

uint64_t Offload::post(Job job) {
  const BatchPtr batch = job.batch;
  batch->trace.add(job.effects);
  batch->last_job = lane_->post(std::move(job));
  return batch->last_job;
}

bool Offload::idle() {
  if (unfinished_.empty()) return true;
  const uint64_t completed = lane_->completed();
  while (!unfinished_.empty() && unfinished_.front()->last_job <= completed) {
    // A batch that is still being queued may get more jobs.
    if (unfinished_.front() == addon_.queueing || unfinished_.front() == addon_.suspended) break;
    unfinished_.pop_front();
  }
  return unfinished_.empty();
}

void Offload::wait_for(const Effects& effects) {
  // Wait for the newest conflicting batch; the lane runs batches in order.
  for (auto batch = unfinished_.rbegin(); batch != unfinished_.rend(); ++batch) {
    if (!(*batch)->trace.conflicts(effects, (*batch)->number, addon_.gradients)) continue;
    lane_->wait((*batch)->last_job);
    return;
  }
}

void Offload::cancel(uint64_t number) {
  for (const BatchPtr& batch : unfinished_) {
    if (batch->number == number) batch->cancelled.store(true);
  }
}

void Offload::stop() {
  for (const BatchPtr& batch : unfinished_) batch->cancelled.store(true);
  lane_->wait(lane_->posted());
}

size_t Offload::pending() {
  idle();
  return unfinished_.size();
}

Napi::Value Offload::fence(Napi::Env env, const BatchPtr& batch, std::vector<std::pair<Handles::Id, uint64_t>> queued) {
  auto fence = std::make_unique<Fence>(Fence{batch, std::move(queued), Napi::Promise::Deferred::New(env)});
  const Napi::Promise promise = fence->deferred.Promise();
  if (port_->function == nullptr) {
    connect(env);
  } else if (port_->fences == 0) {
    napi_ref_threadsafe_function(env, port_->function);
  }
  port_->fences++;
  // std::function requires a copyable owner; on its way to JavaScript, the fence has exactly one owner.
  auto owner = std::make_shared<std::unique_ptr<Fence>>(std::move(fence));
  post({.batch = batch, .done = [owner, port = port_] {
          const std::lock_guard lock(port->mutex);
          if (port->function == nullptr) return;
          if (napi_call_threadsafe_function(port->function, owner->get(), napi_tsfn_nonblocking) == napi_ok) {
            static_cast<void>(owner->release());
          }
        }});
  return promise;
}

void Offload::rest(Napi::Env env) {
  if (port_->fences == 0 && port_->function != nullptr) disconnect(env);
}

void Offload::settle(napi_env raw, napi_value, void* context, void* data) {
  const std::unique_ptr<Fence> fence(static_cast<Fence*>(data));
  if (raw == nullptr) return;
  const Napi::Env env(raw);
  const Napi::HandleScope scope(env);
  if (!fence) {
    static_cast<Offload*>(context)->rest(env);
    return;
  }
  try {
    static_cast<Offload*>(context)->settle(env, *fence);
  } catch (const Napi::Error&) {
    // A worker being terminated runs no JavaScript, and nothing waits for the promise.
  }
}

void Offload::settle(Napi::Env env, const Fence& fence) {
  std::erase(unfinished_, fence.batch);
  for (const auto& [id, serial] : fence.queued) addon_.handles->recount_if(id, serial);
  addon_.account(env);
  addon_.mode.warnings->flush();
  if (--port_->fences == 0) {
    napi_unref_threadsafe_function(env, port_->function);
    // Closed in the next turn of the event loop if nothing is queued by then, since opening it takes time.
    napi_call_threadsafe_function(port_->function, nullptr, napi_tsfn_nonblocking);
  }
  if (fence.batch->error) {
    fence.deferred.Reject(to_javascript(env, fence.batch->error).Value());
  } else {
    fence.deferred.Resolve(env.Undefined());
  }
}

namespace {

// queue(true) -> the number of a batch: operations are queued from here on, until `queue(false)` returns a promise for
// all of them
Napi::Value queue(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (info[0].ToBoolean()) {
    if (!addon.offload) addon.offload = std::make_unique<Offload>(info.Env(), addon);
    addon.queueing = addon.offload->open();
    return Napi::Number::New(info.Env(), static_cast<double>(addon.queueing->number));
  }
  const BatchPtr batch = std::exchange(addon.queueing, nullptr);
  return addon.offload->fence(info.Env(), batch, std::exchange(addon.queued, {}));
}

// cancel(batch): skips its jobs that have not started
Napi::Value cancel(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (addon.offload) addon.offload->cancel(static_cast<uint64_t>(to_int(info[0], "batch")));
  return info.Env().Undefined();
}

// pendingBatches() -> the number of batches with unfinished jobs
Napi::Value pending_batches(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  return Napi::Number::New(info.Env(), addon.offload ? static_cast<double>(addon.offload->pending()) : 0);
}

// suspend(true), suspend(false): between the two calls, operations run immediately although JavaScript queues
Napi::Value suspend(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (info[0].ToBoolean()) {
    addon.suspended = std::exchange(addon.queueing, nullptr);
  } else {
    addon.queueing = std::exchange(addon.suspended, nullptr);
  }
  return info.Env().Undefined();
}

}  // namespace

void init_offload(Napi::Object exports) {
  exports.Set("state", Addon::of(exports.Env()).state.Value());
  define<cancel>(exports, "cancel");
  define<pending_batches>(exports, "pendingBatches");
  define<queue>(exports, "queue");
  define<suspend>(exports, "suspend");
}

}  // namespace rnn::binding
