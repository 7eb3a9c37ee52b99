#include <algorithm>
#include <limits>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/engine.h"
#include "binding/served_model.h"
#include "serve/finite.h"

namespace rnn::binding {
namespace {

Napi::Float32Array to_array(Napi::Env env, const Floats& floats) {
  auto array = Napi::Float32Array::New(env, static_cast<size_t>(floats.size()));
  std::copy_n(floats.data(), floats.size(), array.Data());
  return array;
}

Napi::Int32Array to_array(Napi::Env env, const std::vector<int32_t>& values) {
  auto array = Napi::Int32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

// The elements of a typed array, at least `count`.
template <typename T>
const T* elements(Napi::Value value, napi_typedarray_type wanted, int64_t count, const char* what) {
  napi_typedarray_type type = napi_int8_array;
  size_t found = 0;
  void* data = nullptr;
  const bool fits = napi_get_typedarray_info(value.Env(), value, &type, &found, &data, nullptr, nullptr) == napi_ok &&
                    type == wanted && static_cast<int64_t>(found) >= count;
  TORCH_CHECK_TYPE(fits, "serve: expected ", what, " with ", count, " elements");
  return static_cast<const T*>(data);
}

// The input of sequences or steps: values, or tokens.
struct Input {
  const float* values = nullptr;
  const int32_t* tokens = nullptr;

  Input(const serve::Model& model, Napi::Value value, int64_t rows) {
    if (model.tokens() > 0) {
      tokens = elements<int32_t>(value, napi_int32_array, rows, "an Int32Array of tokens");
    } else {
      values = elements<float>(value, napi_float32_array, rows * model.inputs, "a Float32Array");
    }
  }
};

// The outputs of sequences. JavaScript keeps their memory until the promise settles.
class RunTask : public Engine::Task {
 public:
  RunTask(const Engine& engine, Napi::Value data, Napi::Value steps) : reject_(engine.rejects()) {
    const int32_t* lengths = elements<int32_t>(steps, napi_int32_array, 0, "an Int32Array of lengths");
    steps_.assign(lengths, lengths + steps.As<Napi::TypedArray>().ElementLength());
    int64_t total = 0;
    for (const int32_t length : steps_) {
      TORCH_CHECK_VALUE(length >= 1, "serve: a sequence has at least one step");
      total += length;
    }
    const Input input(engine.model(), data, total);
    batch_ = {.values = input.values, .tokens = input.tokens, .steps = steps_};
  }

  void run(serve::Worker& worker) override { results_ = worker.forward.run(batch_, reject_); }

  Napi::Value result(Napi::Env env) override {
    const auto& problems = results_.problems;
    const bool whole = std::all_of(problems.begin(), problems.end(), [](int32_t at) { return at < 0; });
    Napi::Array result = Napi::Array::New(env, 2);
    result.Set(0U, to_array(env, results_.outputs));
    result.Set(1U, whole ? env.Null() : Napi::Value(to_array(env, problems)));
    return result;
  }

 private:
  const bool reject_;
  std::vector<int32_t> steps_;
  serve::Batch batch_;
  serve::Results results_;
};

// One step of several sessions. Those whose input is refused are not stepped.
class StepTask : public Engine::Task {
 public:
  StepTask(Engine& engine, Napi::Value slots, Napi::Value data) : engine_(engine) {
    const auto count = static_cast<int64_t>(slots.IsTypedArray() ? slots.As<Napi::TypedArray>().ElementLength() : 0);
    const int32_t* of_slots = elements<int32_t>(slots, napi_int32_array, 0, "an Int32Array of slots");
    const Input input(engine.model(), data, count);
    failed_.reserve(static_cast<size_t>(count));
    slots_.reserve(static_cast<size_t>(count));
    if (input.values != nullptr) values_ = Floats(count * engine.model().inputs);
    try {
      for (int64_t i = 0; i < count; i++) add(static_cast<int32_t>(i), of_slots[i], input);
      outputs_ = Floats(static_cast<int64_t>(rows_.size()) * engine.model().outputs());
    } catch (...) {
      end();
      throw;
    }
    step_.values = values_.data();
    step_.tokens = tokens_.data();
    step_.outputs = outputs_.data();
  }

  void run(serve::Worker& worker) override {
    if (!step_.states.empty()) not_finite_ = worker.stepper.run(step_, engine_.rejects());
  }

  void end() override {
    for (const int32_t slot : slots_) engine_.slots().set_busy(slot, false);
    slots_.clear();
  }

  Napi::Value result(Napi::Env env) override {
    const int64_t width = engine_.model().outputs();
    const size_t count = rows_.size() + failed_.size();
    Napi::Object result = Napi::Object::New(env);
    if (failed_.empty() && not_finite_.empty()) {
      result.Set("y", to_array(env, outputs_));
    } else {
      auto y = Napi::Float32Array::New(env, count * static_cast<size_t>(width));
      std::fill_n(y.Data(), y.ElementLength(), std::numeric_limits<float>::quiet_NaN());
      std::vector<bool> fails(rows_.size());
      for (const int32_t row : not_finite_) {
        fails[static_cast<size_t>(row)] = true;
        failed_.push_back(rows_[static_cast<size_t>(row)]);
      }
      for (size_t row = 0; row < rows_.size(); row++) {
        if (fails[row]) continue;
        std::copy_n(outputs_.data() + static_cast<int64_t>(row) * width, width, y.Data() + rows_[row] * width);
      }
      result.Set("y", y);
    }
    std::sort(failed_.begin(), failed_.end());
    Napi::Array failed = Napi::Array::New(env, failed_.size());
    for (uint32_t i = 0; i < failed_.size(); i++) failed.Set(i, failed_[i]);
    result.Set("failed", failed);
    return result;
  }

 private:
  void add(int32_t index, int32_t slot, const Input& input) {
    const serve::Model& model = engine_.model();
    serve::Slots& slots = engine_.slots();
    TORCH_CHECK_INDEX(slots.is_open(slot), "serve: there is no open slot ", slot);
    TORCH_CHECK_VALUE(!slots.is_busy(slot), "serve: slot ", slot, " is stepped already");
    slots.set_busy(slot, true);
    slots_.push_back(slot);
    const int64_t row = static_cast<int64_t>(rows_.size()) * model.inputs;
    if (input.tokens != nullptr) {
      const int32_t token = input.tokens[index];
      if (token < 0 || token >= model.tokens()) return failed_.push_back(index);
      tokens_.push_back(token);
    } else {
      const float* from = input.values + index * model.inputs;
      if (engine_.rejects() && serve::first_not_finite(from, model.inputs) >= 0) return failed_.push_back(index);
      std::copy_n(from, model.inputs, values_.data() + row);
    }
    rows_.push_back(index);
    step_.states.push_back(slots.state(slot));
  }

  Engine& engine_;
  std::vector<int32_t> slots_;
  // The indices of those that are stepped, and of those that are not.
  std::vector<int32_t> rows_, failed_;
  Floats values_, outputs_;
  std::vector<int32_t> tokens_;
  serve::Step step_;
  // Those of `rows_` whose state would not have been finite.
  std::vector<int32_t> not_finite_;
};

// openEngine(served model, lanes, threads, reject) -> an engine, which owns the model from then on
Napi::Value open_engine(const Napi::CallbackInfo& info) {
  const ServedModelPtr model = object_of<ServedModelPtr>(info[0]);
  const Engine::Options options{
      .lanes = to_int(info[1], "lanes"), .threads = to_int(info[2], "threads"), .reject = info[3].ToBoolean()};
  const EnginePtr engine = Engine::open(info.Env(), model, options);
  slot_of<ServedModelPtr>(info[0]).reset();
  return make_handle(info.Env(), std::make_unique<EnginePtr>(engine));
}

// closeEngine(engine) -> a promise that settles when all that it computes has been computed
Napi::Value close_engine(const Napi::CallbackInfo& info) {
  const EnginePtr engine = object_of<EnginePtr>(info[0]);
  slot_of<EnginePtr>(info[0]).reset();
  return engine->close(info.Env());
}

// runEngine(engine, data, steps) -> a promise of [outputs, problems or null], see `serve::Results`. The data must not
// change before it settles.
Napi::Value run_engine(const Napi::CallbackInfo& info) {
  const EnginePtr& engine = object_of<EnginePtr>(info[0]);
  return engine->post(info.Env(), std::make_unique<RunTask>(*engine, info[1], info[2]));
}

// stepEngine(engine, slots, data) -> a promise of { y, failed }
Napi::Value step_engine(const Napi::CallbackInfo& info) {
  const EnginePtr& engine = object_of<EnginePtr>(info[0]);
  return engine->post(info.Env(), std::make_unique<StepTask>(*engine, info[1], info[2]));
}

// A slot that is not being stepped.
int32_t resting_slot(const serve::Slots& slots, Napi::Value value) {
  const int64_t slot = to_int(value, "slot");
  TORCH_CHECK_INDEX(slot <= std::numeric_limits<int32_t>::max() && slots.is_open(static_cast<int32_t>(slot)),
                    "serve: there is no open slot ", slot);
  TORCH_CHECK_VALUE(!slots.is_busy(static_cast<int32_t>(slot)), "serve: slot ", slot, " is being stepped");
  return static_cast<int32_t>(slot);
}

// openSlot(engine, state or undefined) -> slot
Napi::Value open_slot(const Napi::CallbackInfo& info) {
  const EnginePtr& engine = object_of<EnginePtr>(info[0]);
  TORCH_CHECK_VALUE(engine->model().directions == 1,
                    "serve: a bidirectional network has no steps: it needs whole sequences");
  serve::Slots& slots = engine->slots();
  const bool zeros = info[1].IsUndefined();
  const float* state = zeros ? nullptr : elements<float>(info[1], napi_float32_array, slots.state_size(), "a state");
  const int32_t slot = slots.open();
  if (!zeros) std::copy_n(state, slots.state_size(), slots.state(slot));
  return Napi::Number::New(info.Env(), slot);
}

// closeSlot(engine, slot)
Napi::Value close_slot(const Napi::CallbackInfo& info) {
  serve::Slots& slots = object_of<EnginePtr>(info[0])->slots();
  slots.close(resting_slot(slots, info[1]));
  return info.Env().Undefined();
}

// readSlot(engine, slot) -> a copy of its state
Napi::Value read_slot(const Napi::CallbackInfo& info) {
  const serve::Slots& slots = object_of<EnginePtr>(info[0])->slots();
  const float* state = slots.state(resting_slot(slots, info[1]));
  auto copy = Napi::Float32Array::New(info.Env(), static_cast<size_t>(slots.state_size()));
  std::copy_n(state, slots.state_size(), copy.Data());
  return copy;
}

// slotSize(engine) -> the number of elements of a state
Napi::Value slot_size(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(object_of<EnginePtr>(info[0])->slots().state_size()));
}

}  // namespace

void init_serve(Napi::Object exports) {
  define<open_engine>(exports, "openEngine");
  define<close_engine>(exports, "closeEngine");
  define<run_engine>(exports, "runEngine");
  define<step_engine>(exports, "stepEngine");
  define<open_slot>(exports, "openSlot");
  define<close_slot>(exports, "closeSlot");
  define<read_slot>(exports, "readSlot");
  define<slot_size>(exports, "slotSize");
}

}  // namespace rnn::binding
