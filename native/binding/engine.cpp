#include "binding/engine.h"

#include <utility>

#include "binding/addon.h"
#include "binding/error.h"

namespace rnn::binding {

EnginePtr Engine::open(Napi::Env env, std::shared_ptr<const serve::Model> model, const Options& options) {
  EnginePtr engine(new Engine(std::move(model), options));
  engine->lanes_ =
      std::make_unique<serve::Lanes>(engine->model_, options.lanes, options.threads,
                                     [raw = engine.get()](serve::JobPtr job) { raw->done(std::move(job)); });
  engine->connect(env);
  Addon& addon = Addon::of(env);
  if (!addon.engines) addon.engines = std::make_unique<Engines>(env);
  addon.engines->add(engine);
  return engine;
}

Engine::Engine(std::shared_ptr<const serve::Model> model, const Options& options)
    : model_(std::move(model)), options_(options), slots_(*model_) {}

// Tasks own their engine, so none is left.
Engine::~Engine() { disconnect(); }

void Engine::connect(Napi::Env env) {
  const napi_value name = Napi::String::New(env, "libtorch-rnn");
  napi_threadsafe_function function = nullptr;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, &Engine::settle,
                                      &function) != napi_ok) {
    throw std::runtime_error("Node could not create a thread-safe function");
  }
  // An idle engine does not keep the process running.
  napi_unref_threadsafe_function(env, function);
  function_ = function;
  // Registered after the function, hence run before Node destroys the function, and the memory that lanes read.
  napi_add_env_cleanup_hook(env, &Engine::end_of_environment, this);
  hooked_ = env;
}

void Engine::end_of_environment(void* data) {
  // Dropped tasks may be its last owners.
  const EnginePtr engine = static_cast<Engine*>(data)->weak_from_this().lock();
  if (!engine) return;
  engine->hooked_ = nullptr;
  engine->stop();
}

void Engine::disconnect() {
  lanes_.reset();
  if (hooked_ != nullptr)
    napi_remove_env_cleanup_hook(std::exchange(hooked_, nullptr), &Engine::end_of_environment, this);
  const std::lock_guard lock(mutex_);
  if (function_ != nullptr) napi_release_threadsafe_function(std::exchange(function_, nullptr), napi_tsfn_release);
}

Napi::Promise Engine::post(Napi::Env env, std::unique_ptr<Task> task) {
  if (!lanes_) throw DisposedError("the engine has been stopped, because the process exits");
  task->engine_ = shared_from_this();
  task->deferred_.emplace(Napi::Promise::Deferred::New(env));
  const Napi::Promise promise = task->deferred_->Promise();
  if (pending_++ == 0) napi_ref_threadsafe_function(env, function_);
  lanes_->post(std::move(task));
  return promise;
}

Napi::Promise Engine::close(Napi::Env env) {
  closed_.emplace(Napi::Promise::Deferred::New(env));
  const Napi::Promise promise = closed_->Promise();
  if (pending_ == 0) {
    disconnect();
    closed_->Resolve(env.Undefined());
  }
  return promise;
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    function_ = nullptr;
  }
  lanes_.reset();
}

void Engine::done(serve::JobPtr job) {
  const std::lock_guard lock(mutex_);
  if (function_ == nullptr) return;
  if (napi_call_threadsafe_function(function_, job.get(), napi_tsfn_nonblocking) == napi_ok) {
    static_cast<void>(job.release());
  }
}

void Engine::settle(napi_env raw, napi_value, void*, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(static_cast<serve::Job*>(data)));
  if (raw == nullptr) return;
  const Napi::Env env(raw);
  const Napi::HandleScope scope(env);
  try {
    task->engine_->settle(env, *task);
  } catch (const Napi::Error&) {
    // A worker being terminated runs no JavaScript, and nothing waits for the promise.
  }
}

void Engine::settle(Napi::Env env, Task& task) {
  task.end();
  if (--pending_ == 0) {
    if (function_ != nullptr) napi_unref_threadsafe_function(env, function_);
    if (closed_) disconnect();
  }
  Napi::Value result;
  try {
    // There may be no memory for it.
    if (!task.error) result = task.result(env);
  } catch (...) {
    task.error = std::current_exception();
  }
  if (task.error) {
    task.deferred_->Reject(to_javascript(env, task.error).Value());
  } else {
    task.deferred_->Resolve(result);
  }
  if (pending_ == 0 && closed_) closed_->Resolve(env.Undefined());
}

Engines::Engines(Napi::Env env) {
  // process.exit() does not run cleanup hooks, and then destroys what lanes use.
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const auto stop = [](const Napi::CallbackInfo& info) {
    for (const auto& open : Addon::of(info.Env()).engines->engines_) {
      if (const EnginePtr engine = open.lock()) engine->stop();
    }
  };
  process.Get("once").As<Napi::Function>().Call(process,
                                                {Napi::String::New(env, "exit"), Napi::Function::New(env, stop)});
}

void Engines::add(const EnginePtr& engine) {
  std::erase_if(engines_, [](const std::weak_ptr<Engine>& open) { return open.expired(); });
  engines_.push_back(engine);
}

}  // namespace rnn::binding
