#pragma once
#include <cstdint>
#include <span>

namespace rnn::recurrent {

enum class CellKind : uint8_t { kRnnTanh, kRnnRelu, kLstm, kGru };

// The gates of a unit, and the sums that they are computed from: the GRU's candidate is made of two.
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

// Units are computed a vector at a time: a panel. Packed weights hold for each panel and each input the weights of all
// gates, (panels, inputs, gates, lanes), and start values the sums, (panels, sums, lanes); what is beyond the last
// unit is zero.

// The sums start + x Wx + h Wh of a cell, and what the cell makes of them. In bfloat16, each float of the packed
// weights is a pair of numbers instead: those of the inputs 2k and 2k + 1.
struct CellStep {
  CellKind cell;
  int64_t rows;
  int64_t units;
  // (rows, inputs) and (rows, states)
  Rows x;
  int64_t inputs;
  Rows h;
  int64_t states;
  // Of the first panel; those of the next are `panel_stride` further.
  const float* x_weights;
  const float* h_weights;
  int64_t panel_stride;
  // The stride is 0 where all rows start alike, from the bias.
  Rows start;
  // The LSTM's cell, (rows, units): before and after, which may be the same memory.
  Rows c_before;
  MutableRows c;
  // The GRU's h before, (rows, units).
  Rows h_before;
  // The output (rows, units): h, or what is to be projected to it.
  MutableRows y;
  // Memory for bfloat16: pairs_of(inputs) + pairs_of(states) for each row.
  uint32_t* pairs;
  // For the gradient: the LSTM's i, f, g, o or the GRU's r, z, n, W_hn h + b_hn, (rows, 4 units). May be null.
  MutableRows gates;
  // Whether to begin with the last units, as every other step should: of weights that are larger than a cache, it finds
  // there what the step before read last.
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
// apart, the rows of B `b_step`. B is packed as the weights of one gate, or, where its columns are whole panels, as it
// is.
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

// The gradients of one step of a cell, from those of its output and of the states after it.
struct CellGradient {
  CellKind cell;
  int64_t rows;
  int64_t units;
  Rows gates;
  // The LSTM's cell, (rows, units).
  Rows c_before;
  Rows c;
  // h before the step, for the GRU, and after, for the RNN.
  Rows h_before;
  Rows h;
  // Gradient of the output; its data may be null.
  Rows y;
  // Gradient of h after the step, which the GRU replaces by what goes straight to h before; of c after, then before.
  MutableRows dh;
  MutableRows dc;
  // Gradients of the sums: (rows, gates units), the GRU's r, z, W_hn h + b_hn, W_in x + b_in.
  MutableRows sums;
};

// The kernels of one instruction set.
struct Kernels {
  const char* name;
  int64_t lanes;
  // How many rows a block has at most.
  int64_t rows;
  void (*step)(const CellStep&);
  void (*step_bfloat16)(const CellStep&);
  void (*multiply_inputs)(const InputProduct&);
  void (*multiply)(const Product&);
  void (*differentiate)(const CellGradient&);
  // A number for the contents of memory, which a change of one word always changes.
  uint64_t (*fingerprint)(const void* data, int64_t bytes);
};

// Those that this build has and this processor can run, best first.
std::span<const Kernels* const> available_kernels();

// Constants, so that loading the addon runs no instruction of a set that the processor may lack.
extern const Kernels kPortableKernels;
#ifdef RNN_X86_KERNELS
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
void step_avx512_bfloat16(const CellStep& step);
#endif

}  // namespace rnn::recurrent
