#include "recurrent/pack.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rnn::recurrent {
namespace {

// Rounds to nearest, ties to even.
uint32_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x) return 0x7fc0U;
  return (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
}

}  // namespace

void pack_gates(const float* weights, int64_t gates, int64_t units, int64_t inputs, int64_t lanes, float* packed,
                int64_t panel_stride) {
  // In blocks, so that both the rows read and those written stay in the L1 cache.
  constexpr int64_t kBlock = 16;
  for (int64_t panel = 0; panel < panels_of(units, lanes); panel++) {
    const int64_t count = std::min(lanes, units - panel * lanes);
    for (int64_t first = 0; first < inputs; first += kBlock) {
      const int64_t last = std::min(first + kBlock, inputs);
      for (int64_t gate = 0; gate < gates; gate++) {
        for (int64_t lane = 0; lane < count; lane++) {
          const float* from = weights + (gate * units + panel * lanes + lane) * inputs;
          float* to = packed + panel * panel_stride + gate * lanes + lane;
          for (int64_t k = first; k < last; k++) to[k * gates * lanes] = from[k];
        }
      }
    }
  }
}

void pack_gates_bfloat16(const float* weights, int64_t gates, int64_t units, int64_t inputs, int64_t lanes,
                         float* packed, int64_t panel_stride) {
  for (int64_t panel = 0; panel < panels_of(units, lanes); panel++) {
    for (int64_t k = 0; k < inputs; k += 2) {
      for (int64_t gate = 0; gate < gates; gate++) {
        for (int64_t lane = 0; lane < lanes; lane++) {
          const int64_t unit = panel * lanes + lane;
          const float* from = weights + (gate * units + unit) * inputs + k;
          const uint32_t pair = unit >= units    ? 0
                                : k + 1 < inputs ? to_bfloat16(from[0]) | to_bfloat16(from[1]) << 16
                                                 : to_bfloat16(from[0]);
          packed[panel * panel_stride + (k / 2 * gates + gate) * lanes + lane] = std::bit_cast<float>(pair);
        }
      }
    }
  }
}

void pack_columns(const float* b, int64_t stride, int64_t inner, int64_t columns, int64_t lanes, float* packed,
                  int64_t panel_stride) {
  for (int64_t panel = 0; panel < panels_of(columns, lanes); panel++) {
    const int64_t count = std::min(lanes, columns - panel * lanes);
    for (int64_t k = 0; k < inner; k++) {
      const float* from = b + k * stride + panel * lanes;
      float* to = packed + panel * panel_stride + k * lanes;
      // With a constant size, this compiles to a move instead of a call.
      if (count == 16) {
        std::memcpy(to, from, 16 * sizeof(float));
        continue;
      }
      for (int64_t lane = 0; lane < count; lane++) to[lane] = from[lane];
      for (int64_t lane = count; lane < lanes; lane++) to[lane] = 0;
    }
  }
}

void pack_bias(CellKind cell, const float* bias_x, const float* bias_h, int64_t units, int64_t lanes, float* packed) {
  const int64_t sums = sums_of(cell);
  const auto value = [&](const float* bias, int64_t gate, int64_t unit) {
    return bias == nullptr ? 0.0F : bias[gate * units + unit];
  };
  for (int64_t panel = 0; panel < panels_of(units, lanes); panel++) {
    for (int64_t sum = 0; sum < sums; sum++) {
      for (int64_t lane = 0; lane < lanes; lane++) {
        const int64_t unit = panel * lanes + lane;
        float start = 0;
        if (unit < units) {
          // The GRU's candidate keeps the two biases apart.
          if (cell == CellKind::kGru && sum == 2)
            start = value(bias_x, 2, unit);
          else if (cell == CellKind::kGru && sum == 3)
            start = value(bias_h, 2, unit);
          else
            start = value(bias_x, sum, unit) + value(bias_h, sum, unit);
        }
        packed[(panel * sums + sum) * lanes + lane] = start;
      }
    }
  }
}

}  // namespace rnn::recurrent
