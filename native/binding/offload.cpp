#include "binding/offload.h"

#include "binding/error.h"

namespace rnn::binding {

struct Offload::Fence {
  BatchPtr batch;
  std::vector<std::pair<Handles::Id, uint64_t>> recorded;
  Napi::Promise::Deferred deferred;
};

// Where the lane posts to. It is closed before the environment ends; what is posted later is dropped.
struct Offload::Port {
  std::mutex mutex;
  napi_threadsafe_function function = nullptr;
  size_t fences = 0;
};

Offload::Offload(Napi::Env env, Addon& addon)
    : addon_(addon), port_(std::make_shared<Port>()), lane_(std::make_unique<Lane>()) {
  napi_value name = Napi::String::New(env, "libtorch-rnn");
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, &Offload::settle,
                                      &port_->function) != napi_ok) {
    throw std::runtime_error("Node could not create a thread-safe function");
  }
  napi_unref_threadsafe_function(env, port_->function);
  // Registered after the function, hence run before Node tears the function down: a lane that still runs then would
  // post to freed memory.
  env.AddCleanupHook([this] {
    {
      std::lock_guard lock(port_->mutex);
      port_->function = nullptr;
    }
    lane_.reset();
  });
}

Offload::~Offload() = default;

Napi::Value Offload::fence(Napi::Env env, BatchPtr batch, std::vector<std::pair<Handles::Id, uint64_t>> recorded) {
  auto fence = std::make_unique<Fence>(Fence{batch, std::move(recorded), Napi::Promise::Deferred::New(env)});
  const Napi::Promise promise = fence->deferred.Promise();
  if (port_->fences++ == 0) napi_ref_threadsafe_function(env, port_->function);
  // std::function wants a copyable owner; on the way to JavaScript the fence belongs to exactly one.
  auto owner = std::make_shared<std::unique_ptr<Fence>>(std::move(fence));
  lane_->post({
      .work = nullptr,
      .results = {},
      .mode = {},
      .batch = std::move(batch),
      .done =
          [owner, port = port_] {
            std::lock_guard lock(port->mutex);
            if (port->function == nullptr) return;
            if (napi_call_threadsafe_function(port->function, owner->get(), napi_tsfn_nonblocking) == napi_ok) {
              static_cast<void>(owner->release());
            }
          },
  });
  return promise;
}

void Offload::settle(napi_env raw, napi_value, void* context, void* data) {
  const std::unique_ptr<Fence> fence(static_cast<Fence*>(data));
  if (raw == nullptr) return;
  const Napi::Env env(raw);
  const Napi::HandleScope scope(env);
  try {
    static_cast<Offload*>(context)->settle(env, *fence);
  } catch (const Napi::Error&) {
    // A worker that is being terminated runs no JavaScript, and nobody waits for the promise.
  }
}

void Offload::settle(Napi::Env env, const Fence& fence) {
  for (const auto& [id, serial] : fence.recorded) addon_.handles->recount_if(id, serial);
  addon_.account(env);
  addon_.mode.warnings->flush();
  if (--port_->fences == 0) napi_unref_threadsafe_function(env, port_->function);
  if (fence.batch->error) {
    fence.deferred.Reject(to_javascript(env, fence.batch->error).Value());
  } else {
    fence.deferred.Resolve(env.Undefined());
  }
}

namespace {

// From here on operations are queued, until `record(false)` returns the promise of them all.
Napi::Value record(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (info[0].ToBoolean()) {
    if (!addon.offload) addon.offload = std::make_unique<Offload>(info.Env(), addon);
    addon.recording = std::make_shared<Batch>();
    return info.Env().Undefined();
  }
  BatchPtr batch = std::move(addon.recording);
  addon.recording = nullptr;
  return addon.offload->fence(info.Env(), std::move(batch), std::exchange(addon.recorded, {}));
}

// suspend(true), suspend(false): between the two, operations run at once although JavaScript records
Napi::Value suspend(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  if (info[0].ToBoolean()) {
    addon.suspended = std::exchange(addon.recording, nullptr);
  } else {
    addon.recording = std::exchange(addon.suspended, nullptr);
  }
  return info.Env().Undefined();
}

}  // namespace

void init_offload(Napi::Object exports) {
  define<record>(exports, "record");
  define<suspend>(exports, "suspend");
}

}  // namespace rnn::binding
