#include <cstring>

#include "recurrent/vector_avx512.h"
//
#include "recurrent/kernels_template.h"

namespace {

uint32_t rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  if ((bits & 0x7fffffffU) > 0x7f800000U) return 0x7fc0U;
  return (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
}

void to_pairs(const float* from, int64_t count, uint32_t* to) {
  int64_t k = 0;
  for (; k + 32 <= count; k += 32) {
    const __m512bh pairs = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + k + 16), _mm512_loadu_ps(from + k));
    std::memcpy(to + k / 2, &pairs, sizeof(pairs));
  }
  for (; k < count; k += 2) to[k / 2] = rounded(from[k]) | (k + 1 < count ? rounded(from[k + 1]) << 16 : 0);
}

// Rounds the inputs to bfloat16, too, and multiplies two at a time.
struct Dotted {
  static void prepare(const rnn::recurrent::CellStep& step) {
    const int64_t x_pairs = rnn::recurrent::pairs_of(step.inputs),
                  pairs = x_pairs + rnn::recurrent::pairs_of(step.states);
    for (int64_t row = 0; row < step.rows; row++) {
      to_pairs(step.x.data + row * step.x.stride, step.inputs, step.pairs + row * pairs);
      to_pairs(step.h.data + row * step.h.stride, step.states, step.pairs + row * pairs + x_pairs);
    }
  }

  template <const auto& kOf, typename Block>
  static void add(Block& block, Rows, const uint32_t* pairs, int64_t stride, const float* weights, int64_t panel_stride,
                  int64_t inner) {
    constexpr int kGates = sizeof(kOf) / sizeof(kOf[0]);
    for (int64_t k = 0; k < rnn::recurrent::pairs_of(inner); k++) {
#pragma GCC unroll 8
      for (int p = 0; p < Block::kPanelCount; p++) {
        __m512bh w[kGates];
#pragma GCC unroll 4
        for (int g = 0; g < kGates; g++) {
          w[g] = __builtin_bit_cast(__m512bh, _mm512_loadu_ps(weights + p * panel_stride + g * kLanes));
        }
#pragma GCC unroll 8
        for (int i = 0; i < Block::kRowCount; i++) {
          const auto pair = __builtin_bit_cast(__m512bh, _mm512_set1_epi32(static_cast<int>(pairs[i * stride + k])));
#pragma GCC unroll 4
          for (int g = 0; g < kGates; g++) {
            __m512& sum = block.sums[i][p][kOf[g]].value;
            sum = _mm512_dpbf16_ps(sum, pair, w[g]);
          }
        }
      }
      weights += kGates * kLanes;
    }
  }
};

}  // namespace

namespace rnn::recurrent {

void step_avx512_bfloat16(const CellStep& step) { step_bfloat16<Dotted>(step); }

}  // namespace rnn::recurrent
