#pragma once
#include <napi.h>

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "binding/handle.h"
#include "serve/lanes.h"

namespace rnn::binding {

// The lanes that serve a model, the states of its sessions, and the connection back to the JavaScript thread, which
// does all calls except `done`.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  struct Options {
    int64_t lanes;
    int64_t threads;
    // Whether numbers that are not finite are refused.
    bool reject;
  };

  // A job with a promise.
  class Task : public serve::Job {
   public:
    // Turns what was computed into the value of the promise.
    virtual Napi::Value result(Napi::Env env) = 0;
    // Called before the promise settles, in any case.
    virtual void end() {}

   private:
    friend class Engine;
    std::shared_ptr<Engine> engine_;
    std::optional<Napi::Promise::Deferred> deferred_;
  };

  static std::shared_ptr<Engine> open(Napi::Env env, std::shared_ptr<const serve::Model> model, const Options& options);
  ~Engine();

  const serve::Model& model() const { return *model_; }
  serve::Slots& slots() { return slots_; }
  bool rejects() const { return options_.reject; }

  Napi::Promise post(Napi::Env env, std::unique_ptr<Task> task);
  // The promise is fulfilled when all tasks have run.
  Napi::Promise close(Napi::Env env);
  // Waits for the tasks that have begun, and drops the others and their promises.
  void stop();

 private:
  Engine(std::shared_ptr<const serve::Model> model, const Options& options);
  void connect(Napi::Env env);
  void disconnect();
  static void end_of_environment(void* engine);
  void done(serve::JobPtr job);
  static void settle(napi_env env, napi_value callback, void* context, void* data);
  void settle(Napi::Env env, Task& task);

  const std::shared_ptr<const serve::Model> model_;
  const Options options_;
  serve::Slots slots_;
  // Guards the function against lanes; it is null once the environment ends.
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  // Set while the hook that stops the lanes before the environment ends is registered.
  napi_env hooked_ = nullptr;
  // The number of tasks whose promises have not settled.
  size_t pending_ = 0;
  std::optional<Napi::Promise::Deferred> closed_;
  std::unique_ptr<serve::Lanes> lanes_;
};

using EnginePtr = std::shared_ptr<Engine>;

template <>
struct HandleType<EnginePtr> {
  static constexpr const char* kName = "engine";
  static constexpr napi_type_tag kTag = {0x8e41d09c7b6a42f3, 0xb25f70a9e1c3864d};
};

// The open engines of an environment.
class Engines {
 public:
  explicit Engines(Napi::Env env);
  void add(const EnginePtr& engine);

 private:
  std::vector<std::weak_ptr<Engine>> engines_;
};

}  // namespace rnn::binding
