#pragma once
#include <cstdint>
#include <span>

namespace rnn::recurrent {

enum class CellKind : uint8_t { kRnnTanh, kRnnRelu, kLstm, kGru };

// The number of gates of a unit, and of the sums that they are computed from: the GRU's candidate uses two.
constexpr int64_t gates_of(CellKind cell) { return cell == CellKind::kLstm ? 4 : cell == CellKind::kGru ? 3 : 1; }
constexpr int64_t pairs_of(int64_t inputs) { return (inputs + 1) / 2; }
constexpr int64_t sums_of(CellKind cell) { return cell == CellKind::kLstm || cell == CellKind::kGru ? 4 : 1; }

// A matrix in row-major order.
struct Rows {
  const float* data = nullptr;
  int64_t stride = 0;
};
struct MutableRows {
  float* data = nullptr;
  int64_t stride = 0;
};

// Units are computed one vector, a panel, at a time. Packed weights hold the weights of all gates for each panel and
// input, (panels, inputs, gates, lanes); start values hold the sums, (panels, sums, lanes). Both are zero-padded beyond
// the last unit.

// One step of a cell: the sums start + x Wx + h Wh, and the cell's output. In bfloat16, each float of the packed
// weights holds a pair of numbers instead: for the inputs 2k and 2k + 1.
struct CellStep {
  CellKind cell;
  int64_t rows;
  int64_t units;
  // (rows, inputs) and (rows, states)
  Rows x;
  int64_t inputs;
  Rows h;
  int64_t states;
  // The weights of the first panel; each further panel is `panel_stride` away.
  const float* x_weights;
  const float* h_weights;
  int64_t panel_stride;
  // The stride is 0 if all rows start from the same values, the bias.
  Rows start;
  // The LSTM's cell state before and after the step, (rows, units); both may be the same memory.
  Rows c_before;
  MutableRows c;
  // The GRU's h before the step, (rows, units).
  Rows h_before;
  // The output (rows, units): h, or its value before the projection.
  MutableRows y;
  // Scratch memory for bfloat16: pairs_of(inputs) + pairs_of(states) per row.
  uint32_t* pairs;
  // Saved for backward: the LSTM's i, f, g, o or the GRU's r, z, n, W_hn h + b_hn, (rows, 4 units). May be null.
  MutableRows gates;
  // Whether to begin with the last units, as every other step should: if the weights are larger than the cache, those
  // that the previous step read last are still in it.
  bool backwards;
};

// sums = start + x W: (rows, inputs) -> (rows, panels, sums, lanes)
struct InputProduct {
  CellKind cell;
  int64_t rows;
  int64_t units;
  Rows x;
  int64_t inputs;
  const float* weights;
  int64_t panel_stride;
  const float* start;
  MutableRows sums;
};

// C = A B or C += A B: (rows, inner) (inner, columns) -> (rows, columns). The elements of a row of A are `a_step`
// apart, the rows of B `b_step`. B is packed like the weights of one gate, or unpacked if its columns are whole panels.
struct Product {
  int64_t rows;
  int64_t columns;
  int64_t inner;
  Rows a;
  int64_t a_step;
  const float* b;
  int64_t b_step;
  int64_t panel_stride;
  MutableRows c;
  bool accumulate;
};

// Computes the gradients of one step of a cell from those of its output and of the states after it.
struct CellGradient {
  CellKind cell;
  int64_t rows;
  int64_t units;
  Rows gates;
  // The LSTM's cell state before and after the step, (rows, units).
  Rows c_before;
  Rows c;
  // h before the step, for the GRU, and after, for the RNN.
  Rows h_before;
  Rows h;
  // Gradient of the output; its data may be null.
  Rows y;
  // The gradient of h after the step, which the GRU replaces by the part that flows directly to h before it; and the
  // gradient of c after the step, replaced by that of c before it.
  MutableRows dh;
  MutableRows dc;
  // Gradients of the sums: (rows, gates units), the GRU's r, z, W_hn h + b_hn, W_in x + b_in.
  MutableRows sums;
};

// The kernels of one instruction set.
struct Kernels {
  const char* name;
  int64_t lanes;
  // The maximum number of rows in a block.
  int64_t rows;
  void (*step)(const CellStep&);
  void (*step_bfloat16)(const CellStep&);
  void (*multiply_inputs)(const InputProduct&);
  void (*multiply)(const Product&);
  void (*differentiate)(const CellGradient&);
  // A hash of memory contents; changing a single word always changes it.
  uint64_t (*fingerprint)(const void* data, int64_t bytes);
};

// The kernels in this build that this processor can run, best first.
std::span<const Kernels* const> available_kernels();

// Constants, so that loading the addon executes no instructions that the processor may lack.
extern const Kernels kPortableKernels;
#ifdef RNN_X86_KERNELS
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
void step_avx512_bfloat16(const CellStep& step);
#endif

}  // namespace rnn::recurrent
