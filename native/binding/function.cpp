#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <mutex>
#include <thread>
#include <unordered_set>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/handle.h"
#include "binding/promise_list.h"

namespace rnn::binding {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;
using torch::autograd::VariableInfo;

namespace {

// While it lives, a JavaScript backward is running.
class Depth {
 public:
  explicit Depth(int& depth) : depth_(depth) { depth_++; }
  ~Depth() { depth_--; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  int& depth_;
};

// Connects graph nodes to the JavaScript environment that they belong to. Nodes hold JavaScript functions, but a graph
// may be destroyed on any thread, even after the environment.
class Bridge {
 public:
  explicit Bridge(Napi::Env env) : env_(env), thread_(std::this_thread::get_id()) {}

  Napi::Env env() const { return env_; }
  bool is_here() const { return std::this_thread::get_id() == thread_ && open_; }

  // Only on the environment's thread, like `release_dead`.
  void close() {
    const std::scoped_lock lock(mutex_);
    open_ = false;
    dead_.clear();
  }

  void release(napi_ref function) {
    if (is_here()) {
      napi_delete_reference(env_, function);
      return;
    }
    const std::scoped_lock lock(mutex_);
    // Otherwise, the end of the environment has already released it.
    if (open_) dead_.push_back(function);
  }

  void release_dead() {
    const std::scoped_lock lock(mutex_);
    for (napi_ref function : dead_) napi_delete_reference(env_, function);
    dead_.clear();
  }

  // The gradients computed by the running function: see functionGradients.
  variable_list gradients;

 private:
  const Napi::Env env_;
  const std::thread::id thread_;
  std::mutex mutex_;
  std::atomic<bool> open_ = true;
  std::vector<napi_ref> dead_;
};
using BridgePtr = std::shared_ptr<Bridge>;

}  // namespace

template <>
struct HandleType<BridgePtr> {
  static constexpr const char* kName = "bridge of functions";
  static constexpr napi_type_tag kTag = {0x1f6a0c27d94b4e53, 0xb80d7e1ac2f34596};
};

namespace {

// A node whose backward is a JavaScript function.
class JavaScriptNode : public Node {
 public:
  JavaScriptNode(BridgePtr bridge, Napi::Function backward, std::string name, bool materialize)
      : bridge_(std::move(bridge)), name_(std::move(name)), materialize_(materialize) {
    TORCH_CHECK(napi_create_reference(backward.Env(), backward, 1, &backward_) == napi_ok, "no reference");
  }
  ~JavaScriptNode() override { bridge_->release(backward_); }
  JavaScriptNode(const JavaScriptNode&) = delete;
  JavaScriptNode& operator=(const JavaScriptNode&) = delete;

  std::string name() const override { return name_; }

  void add_output(const at::Tensor& output) { outputs_.emplace_back(output); }

  void save(const at::Tensor& tensor) {
    saved_.emplace_back(tensor, tensor.grad_fn().get() == this);
    saves_ = true;
  }

  void release_variables() override {
    const std::scoped_lock lock(mutex_);
    saved_.clear();
    released_ = true;
  }

  variable_list apply(variable_list&& gradients) override {
    TORCH_CHECK_NOT_IMPLEMENTED(bridge_->is_here(), name_,
                                " is JavaScript, which runs on its own thread only: call backward() outside of "
                                "offload, with tensors of the CPU, and not more than 60 times within each other");
    Napi::Env env = bridge_->env();
    const Napi::HandleScope scope(env);
    Addon& addon = Addon::of(env);
    if (materialize_) {
      at::OptionalDeviceGuard guard;
      for (size_t i = 0; i < gradients.size(); i++) {
        if (!gradients[i].defined()) gradients[i] = outputs_.at(i).zeros(guard);
      }
    }
    const variable_list saved = unpack();
    const auto ids = [&](const variable_list& tensors) {
      Napi::Array array = Napi::Array::New(env, tensors.size());
      for (uint32_t i = 0; i < tensors.size(); i++) array.Set(i, addon.wrap(env, tensors[i]));
      return array;
    };
    napi_value function = nullptr;
    TORCH_CHECK(napi_get_reference_value(env, backward_, &function) == napi_ok && function != nullptr,
                "the function is gone");
    {
      const Depth within(addon.javascript_backwards);
      Napi::Function(env, function)
          .Call({ids(gradients), ids(saved), Napi::Boolean::New(env, at::GradMode::is_enabled())});
    }
    variable_list results = std::exchange(bridge_->gradients, {});
    results.resize(num_outputs());
    return results;
  }

 private:
  variable_list unpack() {
    const std::scoped_lock lock(mutex_);
    TORCH_CHECK(!released_ || !saves_, torch::autograd::ERR_BACKWARD_TWICE);
    variable_list tensors;
    for (const SavedVariable& saved : saved_) tensors.push_back(saved.unpack(getptr()));
    return tensors;
  }

  const BridgePtr bridge_;
  napi_ref backward_ = nullptr;
  const std::string name_;
  const bool materialize_;
  std::vector<VariableInfo> outputs_;
  std::mutex mutex_;
  std::vector<SavedVariable> saved_;
  bool saves_ = false;
  bool released_ = false;
};

// functionBridge() -> the bridge over which nodes reach this environment
Napi::Value function_bridge(const Napi::CallbackInfo& info) {
  const auto bridge = std::make_shared<Bridge>(info.Env());
  // Runs before the finalizers that destroy tensors and their graphs.
  info.Env().AddCleanupHook([bridge] { bridge->close(); });
  return make_handle(info.Env(), std::make_unique<BridgePtr>(bridge));
}

// How this LibTorch owns the nodes of a graph: by std::shared_ptr or by c10::intrusive_ptr.
using NodePtr = std::remove_cvref_t<decltype(std::declval<const at::Tensor&>().grad_fn())>;
using Implementations = std::unordered_set<at::TensorImpl*>;

template <class T, class... Arguments>
auto make_node(Arguments&&... arguments) {
  if constexpr (std::is_same_v<NodePtr, std::shared_ptr<torch::autograd::Node>>) {
    return std::make_shared<T>(std::forward<Arguments>(arguments)...);
  } else {
    return c10::make_intrusive<T>(std::forward<Arguments>(arguments)...);
  }
}

// The outputs with a graph. A template, so that of the calls only that of this LibTorch is compiled: later versions
// have more parameters.
template <class List>
auto wrapped_outputs(const List& given, const Implementations& constant, const Implementations& changed,
                     const std::vector<std::optional<at::Tensor>>& raw, const NodePtr& node) {
  const auto jvp = [](const variable_list&, const variable_list&) -> variable_list {
    TORCH_CHECK_NOT_IMPLEMENTED(false, "torch.autograd.Function has no forward-mode derivatives");
  };
  const auto view = [](const at::Tensor& tensor) { return tensor.view_as(tensor); };
  using torch::autograd::_wrap_outputs;
  NodePtr attached;
  const Implementations none;
  if constexpr (requires { _wrap_outputs(given, constant, changed, raw, node, jvp, none, view, false, attached); }) {
    return _wrap_outputs(given, constant, changed, raw, node, jvp, none, view, false, attached);
  } else if constexpr (requires { _wrap_outputs(given, constant, changed, raw, node, jvp, none, view, false); }) {
    return _wrap_outputs(given, constant, changed, raw, node, jvp, none, view, false);
  } else {
    return _wrap_outputs(given, constant, changed, raw, node, jvp, none, view);
  }
}

// applyFunction(bridge, name, backward, inputs, outputs, saved, the non-differentiable outputs, the inputs changed in
// place, whether missing gradients are zeros) -> for each output a new tensor with a graph, or null if the same tensor
// now has it
Napi::Value apply_function(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const BridgePtr bridge = object_of<BridgePtr>(info[0]);
  bridge->release_dead();
  const PromiseList inputs(addon, info[3]), outputs(addon, info[4]), saved(addon, info[5]), constant(addon, info[6]),
      changed(addon, info[7]);
  const auto node = make_node<JavaScriptNode>(bridge, info[2].As<Napi::Function>(), info[1].ToString().Utf8Value(),
                                              info[8].ToBoolean());
  const variable_list given = inputs.get(), made = outputs.get();
  const Effects effects{.reads = joined(inputs, outputs, saved), .marks = Effects::kGraph};
  const auto found = addon.run(effects, [&] {
    const auto implementations = [](const variable_list& tensors) {
      std::unordered_set<at::TensorImpl*> found;
      for (const at::Tensor& tensor : tensors) found.insert(tensor.unsafeGetTensorImpl());
      return found;
    };
    const std::vector<std::optional<at::Tensor>> raw(made.begin(), made.end());
    node->set_next_edges(torch::autograd::collect_next_edges(given));
    auto wrapped =
        wrapped_outputs(given, implementations(constant.get()), implementations(changed.get()), raw, NodePtr(node));
    for (const auto& output : wrapped) node->add_output(*output);
    for (const at::Tensor& tensor : saved.get()) node->save(tensor);
    return wrapped;
  });
  Napi::Array array = Napi::Array::New(info.Env(), found.size());
  for (uint32_t i = 0; i < found.size(); i++) {
    array.Set(i, found[i]->is_same(made[i]) ? info.Env().Null() : addon.wrap(info.Env(), *found[i]));
  }
  return array;
}

// functionGradients(bridge, id or null for each input): sets the gradients that the running backward has computed
Napi::Value function_gradients(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  const auto list = info[1].As<Napi::Array>();
  variable_list gradients;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value id = list.Get(i);
    gradients.push_back(id.IsNull() ? at::Tensor() : addon.tensor(id));
  }
  object_of<BridgePtr>(info[0])->gradients = std::move(gradients);
  return info.Env().Undefined();
}

}  // namespace

void init_function(Napi::Object exports) {
  define<function_bridge>(exports, "functionBridge");
  define<apply_function>(exports, "applyFunction");
  define<function_gradients>(exports, "functionGradients");
}

}  // namespace rnn::binding
