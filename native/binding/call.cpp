#include <sstream>

#include "binding/convert.h"
#include "binding/error.h"
#include "binding/operator.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

std::optional<c10::OperatorHandle> find(const std::string& name, const std::string& overload) {
  return c10::Dispatcher::singleton().findSchema({name, overload});
}

// operator(name, overload) -> its number, for `call`, or null
Napi::Value operator_id(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const auto handle = find(info[0].ToString(), info[1].ToString());
  if (!handle) return info.Env().Null();
  addon.operators.push_back(std::make_unique<Operator>(*handle));
  return Napi::Number::New(info.Env(), static_cast<double>(addon.operators.size() - 1));
}

// schema(name, overload) -> its text, or null
Napi::Value schema(const Napi::CallbackInfo& info) {
  const auto handle = find(info[0].ToString(), info[1].ToString());
  if (!handle) return info.Env().Null();
  std::ostringstream text;
  text << handle->schema();
  return Napi::String::New(info.Env(), text.str());
}

// overloads(name) -> the names of its overloads
Napi::Value overloads(const Napi::CallbackInfo& info) {
  const std::string name = info[0].ToString();
  Napi::Array found = Napi::Array::New(info.Env());
  for (const auto& candidate : c10::Dispatcher::singleton().getAllOpNames()) {
    if (candidate.name == name && find(candidate.name, candidate.overload_name)) {
      found.Set(found.Length(), candidate.overload_name);
    }
  }
  return found;
}

Napi::Value results_to_javascript(Napi::Env env, Addon& addon, const Operator& op, std::vector<c10::IValue> stack) {
  // Creating an array through Node-API is expensive, so a single result is returned without one.
  if (stack.size() == 1) {
    return op.aliased(0) ? env.Undefined() : from_ivalue(env, addon, std::move(stack[0]));
  }
  if (stack.empty()) return env.Undefined();
  Napi::Array results = Napi::Array::New(env, stack.size());
  for (uint32_t i = 0; i < stack.size(); i++) {
    results.Set(i, op.aliased(i) ? env.Undefined() : from_ivalue(env, addon, std::move(stack[i])));
  }
  return results;
}

Napi::Value queue(Napi::Env env, Addon& addon, const Operator& op,
                  const std::shared_ptr<OperatorArguments>& arguments) {
  const auto work = [&op, arguments] {
    std::vector<c10::IValue> stack = arguments->resolve();
    try {
      op.call(stack);
    } catch (...) {
      throw OperatorError{op.handle().schema().name(), std::current_exception()};
    }
    Tensors fresh;
    for (size_t i = 0; i < stack.size(); i++) {
      if (!op.aliased(i)) fresh.push_back(std::move(stack[i]).toTensor());
    }
    return fresh;
  };
  const auto ids = addon.dispatch(std::move(arguments->effects()), op.fresh(), work, arguments);
  const size_t results = op.handle().schema().returns().size();
  if (results == 1) return op.aliased(0) ? env.Undefined() : Napi::Number::New(env, ids[0]);
  if (results == 0) return env.Undefined();
  Napi::Array array = Napi::Array::New(env, results);
  for (uint32_t i = 0, next = 0; i < results; i++) {
    array.Set(i, op.aliased(i) ? env.Undefined() : Napi::Number::New(env, ids[next++]));
  }
  return array;
}

// A tensor, or the tensor that represents a number given in its place.
TensorPromisePtr cell_at(const Addon& addon, const Napi::CallbackInfo& info, size_t index, const Operator& op) {
  uint32_t id = 0;
  if (napi_get_value_uint32(info.Env(), info[index + 1], &id) == napi_ok) return addon.handles->promise(id);
  return std::make_shared<TensorPromise>(to_wrapped_number(info[index + 1], op.parameters()[index].name));
}

// Calls an operator without boxing its arguments.
struct CallDirect {
  const Napi::CallbackInfo& info;
  Addon& addon;
  const Operator& op;

  at::Tensor operator()(std::monostate) const { return {}; }
  at::Tensor operator()(const c10::TypedOperatorHandle<Unary>& handle) const {
    const TensorPromisePtr self = cell_at(addon, info, 0, op);
    return addon.run(effects(self), [&] { return handle.call(self->get()); });
  }
  at::Tensor operator()(const c10::TypedOperatorHandle<Binary>& handle) const {
    const TensorPromisePtr self = cell_at(addon, info, 0, op);
    const TensorPromisePtr other = cell_at(addon, info, 1, op);
    return addon.run(effects(self, other), [&] { return handle.call(self->get(), other->get()); });
  }
  at::Tensor operator()(const c10::TypedOperatorHandle<ScaledBinary>& handle) const {
    const TensorPromisePtr self = cell_at(addon, info, 0, op);
    const TensorPromisePtr other = cell_at(addon, info, 1, op);
    const Parameter& last = op.parameters()[2];
    const c10::Scalar scale = info[3].IsUndefined() && last.standard ? last.standard->toScalar() : to_scalar(info[3]);
    return addon.run(effects(self, other), [&] { return handle.call(self->get(), other->get(), scale); });
  }

  // Not needed if nothing is queued.
  template <typename... Promises>
  Effects effects(const Promises&... read) const {
    return addon.idle() ? Effects{} : Effects{.reads = {read...}, .marks = op.marks()};
  }
};

// call(operator, ...arguments): tensors are passed as their ids where the schema says Tensor. An omitted or undefined
// argument has its default. Results that are also arguments of the call are returned as undefined.
Napi::Value call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Addon& addon = Addon::of(env);
  const Operator& op = *addon.operators.at(info[0].As<Napi::Number>().Uint32Value());
  if (!addon.queueing && op.direct().index() != 0) {
    return addon.wrap(env, std::visit(CallDirect{info, addon, op}, op.direct()));
  }
  const auto fill = [&](OperatorArguments& arguments) {
    for (size_t i = 0; i < op.parameters().size(); i++) arguments.push(op.parameters()[i], info[i + 1]);
  };
  if (addon.queueing && op.queueable() && !op.reshapes()) {
    const auto arguments = std::make_shared<OperatorArguments>(addon, op);
    fill(*arguments);
    return queue(env, addon, op, arguments);
  }
  if (addon.queueing && op.reads()) throw PendingError("offload() cannot read a value before it is computed");
  OperatorArguments arguments(addon, op);
  fill(arguments);
  std::vector<c10::IValue> stack;
  addon.run_in_order(arguments.effects(), [&] {
    stack = arguments.resolve();
    op.call(stack);
  });
  return results_to_javascript(env, addon, op, std::move(stack));
}

}  // namespace

void init_call(Napi::Object exports) {
  define<call>(exports, "call");
  define<operator_id>(exports, "operator");
  define<schema>(exports, "schema");
  define<overloads>(exports, "overloads");
}

}  // namespace rnn::binding
