#pragma once
#include <ATen/core/Generator.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>

namespace rnn::runtime {

// A seed from the operating system, of 53 bits, so that it fits a JavaScript number.
uint64_t random_seed();

// A CPU generator with such a seed.
at::Generator make_generator();

// While it lives, operators of this thread that draw random numbers on the CPU use `generator`, unless they are given
// another one. LibTorch has only one default generator per process, which all threads would share.
class GeneratorGuard {
 public:
  // `generator` must outlive the guard.
  explicit GeneratorGuard(const at::Generator& generator);
  ~GeneratorGuard();
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  const at::Generator* outer_;
  c10::impl::IncludeDispatchKeyGuard key_;
};

// While it lives, tasks that TorchScript forks to LibTorch's threads use the generator of this thread, too.
class ForkGuard {
 public:
  ForkGuard();

 private:
  c10::DebugInfoGuard info_;
};

}  // namespace rnn::runtime
