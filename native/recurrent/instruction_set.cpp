#include <array>
#include <vector>

#include "recurrent/kernels.h"

#if defined(RNN_X86_KERNELS) && defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace rnn::recurrent {
namespace {

#ifdef RNN_X86_KERNELS
#ifdef _MSC_VER
struct Processor {
  bool avx2 = false;
  bool avx512 = false;
  bool bfloat16 = false;

  Processor() {
    std::array<int, 4> leaf{};
    __cpuidex(leaf.data(), 1, 0);
    const bool fma = (leaf[2] >> 12) & 1;
    const bool saves_vectors = (leaf[2] >> 27) & 1;
    if (!saves_vectors) return;
    const auto saved = _xgetbv(0);
    __cpuidex(leaf.data(), 7, 0);
    const auto bit = [&](int n) { return (leaf[1] >> n) & 1; };
    avx2 = (saved & 0x6) == 0x6 && fma && bit(5);
    avx512 = (saved & 0xe6) == 0xe6 && bit(16) && bit(17) && bit(30) && bit(31);
    __cpuidex(leaf.data(), 7, 1);
    bfloat16 = avx512 && ((leaf[0] >> 5) & 1);
  }
};
#else
struct Processor {
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  bool bfloat16 = avx512 && __builtin_cpu_supports("avx512bf16");
};
#endif
#endif

}  // namespace

std::span<const Kernels* const> available_kernels() {
  static const std::vector<const Kernels*> available = [] {
    std::vector<const Kernels*> kernels;
#ifdef RNN_X86_KERNELS
    const Processor processor;
    static const Kernels with_bfloat16 = [] {
      Kernels kernels = kAvx512Kernels;
      kernels.name = "avx512_bf16";
      kernels.step_bfloat16 = step_avx512_bfloat16;
      return kernels;
    }();
    if (processor.bfloat16) kernels.push_back(&with_bfloat16);
    if (processor.avx512) kernels.push_back(&kAvx512Kernels);
    if (processor.avx2) kernels.push_back(&kAvx2Kernels);
#endif
    kernels.push_back(&kPortableKernels);
    return kernels;
  }();
  return available;
}

}  // namespace rnn::recurrent
