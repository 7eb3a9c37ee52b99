#include "runtime/generator.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/op_registration/op_registration.h>
#include <torch/library.h>

#include <memory>
#include <vector>

namespace rnn::runtime {
namespace {

// A dispatch key that LibTorch itself never uses. If a thread includes it, LibTorch calls the kernels registered for it
// first, also for operators called by other operators; operators without such a kernel are called as usual, at no cost.
// vmap handles random numbers in the same way (BatchRulesRandomness.cpp).
constexpr auto kKey = c10::DispatchKey::DeferredInit;

// The generator of this thread.
using Slot = const at::Generator*;
Slot& own_slot() {
  static thread_local Slot slot = nullptr;
  return slot;
}

// LibTorch passes this on to the threads of forked tasks, like the dispatch keys.
struct Forked : c10::DebugInfoBase {
  at::Generator generator;
};

Slot current_generator() {
  if (const Slot own = own_slot()) return own;
  const auto* forked =
      static_cast<const Forked*>(c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::INFERENCE_CONTEXT));
  return forked != nullptr && forked->generator.defined() ? &forked->generator : nullptr;
}

// If an operator was called without a generator, adds the thread's generator and redispatches the call.
class Draw : public c10::OperatorKernel {
 public:
  Draw(size_t arguments, size_t tensor, size_t generator)
      : arguments_(arguments), tensor_(tensor), generator_(generator) {}

  void operator()(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) const {
    c10::IValue* arguments = stack->data() + stack->size() - arguments_;
    const Slot current = current_generator();
    if (current != nullptr && arguments[generator_].isNone()) {
      const at::Tensor& tensor = arguments[tensor_].toTensor();
      if (tensor.defined() && tensor.device().type() == current->device().type()) arguments[generator_] = *current;
    }
    op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey), stack);
  }

 private:
  size_t arguments_, tensor_, generator_;
};

bool is_optional(const c10::Argument& argument, const c10::Type& element) {
  const auto type = argument.real_type()->cast<c10::OptionalType>();
  return type != nullptr && *type->getElementType() == element;
}

// Null for operators without a tensor argument, such as factory functions: they leave the drawing to another operator,
// which has one.
std::unique_ptr<Draw> draw_of(const c10::FunctionSchema& schema) {
  const auto& arguments = schema.arguments();
  std::optional<size_t> tensor, generator;
  for (size_t i = 0; i < arguments.size(); i++) {
    if (!tensor && arguments[i].real_type()->kind() == c10::TypeKind::TensorType) tensor = i;
    if (is_optional(arguments[i], *c10::GeneratorType::get())) generator = i;
  }
  if (!tensor || !generator) return nullptr;
  return std::make_unique<Draw>(arguments.size(), *tensor, *generator);
}

using SlotFunction = Slot& (*)();

// Registers the kernels, and returns the function that finds the slot they read: if several copies of this addon are
// loaded, the slot of the first one.
SlotFunction register_draws() {
  auto& dispatcher = c10::Dispatcher::singleton();
  if (const auto other = dispatcher.findSchema({"libtorch_rnn::generator_slots", ""})) {
    return reinterpret_cast<SlotFunction>(other->typed<int64_t()>().call());
  }
  // Never freed: LibTorch may keep running after this library's objects are destroyed.
  auto& fragment = *new torch::Library(torch::Library::FRAGMENT, "libtorch_rnn", std::nullopt, __FILE__, __LINE__);
  fragment.def("generator_slots() -> int", [] { return reinterpret_cast<int64_t>(&own_slot); });
  auto& others = *new torch::Library(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
  others.fallback(torch::CppFunction::makeFallthrough());
  auto& kernels = *new std::vector<c10::RegistrationHandleRAII>();
  for (const auto& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    if (!op) continue;
    if (auto draw = draw_of(op->schema())) {
      kernels.push_back(dispatcher.registerImpl(name, kKey, c10::KernelFunction::makeFromBoxedFunctor(std::move(draw)),
                                                std::nullopt, nullptr, "libtorch-rnn"));
    }
  }
  return own_slot;
}

Slot& slot() {
  static const SlotFunction find = register_draws();
  return find();
}

}  // namespace

// LibTorch draws 64 bits for the CPU, and 53 for CUDA.
uint64_t random_seed() { return c10::detail::getNonDeterministicRandom(/*is_cuda=*/true); }

at::Generator make_generator() { return at::detail::createCPUGenerator(random_seed()); }

GeneratorGuard::GeneratorGuard(const at::Generator& generator)
    : outer_(std::exchange(slot(), &generator)), key_(kKey) {}

GeneratorGuard::~GeneratorGuard() { slot() = outer_; }

ForkGuard::ForkGuard()
    : info_(c10::DebugInfoKind::INFERENCE_CONTEXT, [] {
        const auto forked = std::make_shared<Forked>();
        if (const Slot own = slot()) forked->generator = *own;
        return forked;
      }()) {}

}  // namespace rnn::runtime
