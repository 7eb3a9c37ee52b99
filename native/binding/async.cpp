#include "binding/async.h"

#include <exception>
#include <memory>
#include <utility>

#include "binding/error.h"

namespace rnn::binding {
namespace {

class Worker : public Napi::AsyncWorker {
 public:
  Worker(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> result)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        result_(std::move(result)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  void Execute() override {
    try {
      work_();
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void OnOK() override {
    Napi::Value result;
    try {
      if (!error_) result = result_(Env());
    } catch (...) {
      error_ = std::current_exception();
    }
    if (error_) {
      deferred_.Reject(to_javascript(Env(), error_).Value());
    } else {
      deferred_.Resolve(result);
    }
  }

  Napi::Promise::Deferred deferred_;
  std::function<void()> work_;
  std::function<Napi::Value(Napi::Env)> result_;
  std::exception_ptr error_;
};

}  // namespace

Napi::Promise run_async(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> result) {
  auto worker = std::make_unique<Worker>(env, std::move(work), std::move(result));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  // It deletes itself.
  static_cast<void>(worker.release());
  return promise;
}

}  // namespace rnn::binding
