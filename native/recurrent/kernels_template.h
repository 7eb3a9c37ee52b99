#pragma once
// The kernels over the `Vector` of an instruction set, for the files that are compiled for it. Everything is in an
// anonymous namespace and no standard library functions are called: the linker could pick either file's copy of a
// shared inline function, with instructions that the processor may lack.
#include <cstdint>
#include <cstring>

#include "recurrent/kernels.h"

namespace {

using rnn::recurrent::CellKind;
using rnn::recurrent::MutableRows;
using rnn::recurrent::Rows;

constexpr int64_t kLanes = Vector::kLanes;

// e^x - 1 for x from -87 to 87, as 2ⁿ (e^r - 1) + (2ⁿ - 1) with |r| ≤ ln 2 / 2, accurate to a few units in the last
// place. The polynomial is that of Cephes' expf, http://www.netlib.org/cephes.
struct Exponential {
  Vector power;
  Vector rest;

  explicit Exponential(Vector x) {
    x = Vector::min(Vector::all(87), Vector::max(Vector::all(-87), x));
    const Vector n = Vector::round(x * Vector::all(1.44269504088896341F));
    Vector r = Vector::fnma(n, Vector::all(0.693359375F), x);
    r = Vector::fnma(n, Vector::all(-2.12194440e-4F), r);
    Vector p = Vector::all(1.9875691500e-4F);
    p = Vector::fma(p, r, Vector::all(1.3981999507e-3F));
    p = Vector::fma(p, r, Vector::all(8.3334519073e-3F));
    p = Vector::fma(p, r, Vector::all(4.1665795894e-2F));
    p = Vector::fma(p, r, Vector::all(1.6666665459e-1F));
    p = Vector::fma(p, r, Vector::all(5.0000001201e-1F));
    rest = Vector::fma(p, r * r, r);
    power = Vector::exp2(n);
  }

  Vector exp() const { return Vector::fma(power, rest, power); }
  Vector minus_one() const { return Vector::fma(power, rest, power - Vector::all(1)); }
};

Vector sigmoid(Vector x) { return Vector::all(1) / (Vector::all(1) + Exponential(Vector::zero() - x).exp()); }

// Computed from e^2x - 1, which preserves precision for small x.
Vector tanh(Vector x) {
  const Vector e = Exponential(x + x).minus_one();
  return e / (e + Vector::all(2));
}

// Up to one vector of units of a row, starting at `unit`.
struct Slice {
  int64_t row;
  int64_t unit;
  int64_t count;

  bool whole() const { return count == kLanes; }
  Vector load(const Rows& from, int64_t column = 0) const {
    const float* p = from.data + row * from.stride + column + unit;
    return whole() ? Vector::load(p) : Vector::load(p, count);
  }
  Vector load(const MutableRows& from, int64_t column = 0) const { return load(Rows{from.data, from.stride}, column); }
  void store(const MutableRows& to, Vector value, int64_t column = 0) const {
    float* p = to.data + row * to.stride + column + unit;
    whole() ? value.store(p) : value.store(p, count);
  }
};

// The cells: which sums x W and h W contribute to, and how the output is computed from the sums.
struct Lstm {
  static constexpr int kGates = 4, kSums = 4;
  static constexpr int kOfX[4] = {0, 1, 2, 3}, kOfH[4] = {0, 1, 2, 3};

  static void finish(const rnn::recurrent::CellStep& step, Slice at, const Vector* sums) {
    const Vector i = sigmoid(sums[0]), f = sigmoid(sums[1]), g = tanh(sums[2]), o = sigmoid(sums[3]);
    const Vector c = Vector::fma(f, at.load(step.c_before), i * g);
    at.store(step.c, c);
    at.store(step.y, o * tanh(c));
    if (step.gates.data == nullptr) return;
    at.store(step.gates, i);
    at.store(step.gates, f, step.units);
    at.store(step.gates, g, 2 * step.units);
    at.store(step.gates, o, 3 * step.units);
  }

  static void differentiate(const rnn::recurrent::CellGradient& step, Slice at, Vector dh) {
    const Vector one = Vector::all(1);
    const Vector i = at.load(step.gates), f = at.load(step.gates, step.units), g = at.load(step.gates, 2 * step.units),
                 o = at.load(step.gates, 3 * step.units);
    const Vector tanh_c = tanh(at.load(step.c));
    const Vector dc = Vector::fma(dh * o, Vector::fnma(tanh_c, tanh_c, one), at.load(step.dc));
    at.store(step.dc, dc * f);
    at.store(step.sums, dc * g * i * (one - i));
    at.store(step.sums, dc * at.load(step.c_before) * f * (one - f), step.units);
    at.store(step.sums, dc * i * Vector::fnma(g, g, one), 2 * step.units);
    at.store(step.sums, dh * tanh_c * o * (one - o), 3 * step.units);
  }
};

struct Gru {
  static constexpr int kGates = 3, kSums = 4;
  // r, z, W_in x + b_in, W_hn h + b_hn
  static constexpr int kOfX[3] = {0, 1, 2}, kOfH[3] = {0, 1, 3};

  static void finish(const rnn::recurrent::CellStep& step, Slice at, const Vector* sums) {
    const Vector r = sigmoid(sums[0]), z = sigmoid(sums[1]);
    const Vector n = tanh(Vector::fma(r, sums[3], sums[2]));
    at.store(step.y, Vector::fma(z, at.load(step.h_before) - n, n));
    if (step.gates.data == nullptr) return;
    at.store(step.gates, r);
    at.store(step.gates, z, step.units);
    at.store(step.gates, n, 2 * step.units);
    at.store(step.gates, sums[3], 3 * step.units);
  }

  static void differentiate(const rnn::recurrent::CellGradient& step, Slice at, Vector dh) {
    const Vector one = Vector::all(1);
    const Vector r = at.load(step.gates), z = at.load(step.gates, step.units), n = at.load(step.gates, 2 * step.units),
                 hidden = at.load(step.gates, 3 * step.units);
    const Vector dn = dh * (one - z) * Vector::fnma(n, n, one);
    at.store(step.sums, dn * hidden * r * (one - r));
    at.store(step.sums, dh * (at.load(step.h_before) - n) * z * (one - z), step.units);
    at.store(step.sums, dn * r, 2 * step.units);
    at.store(step.sums, dn, 3 * step.units);
    at.store(step.dh, dh * z);
  }
};

template <bool relu>
struct Rnn {
  static constexpr int kGates = 1, kSums = 1;
  static constexpr int kOfX[1] = {0}, kOfH[1] = {0};

  static void finish(const rnn::recurrent::CellStep& step, Slice at, const Vector* sums) {
    at.store(step.y, relu ? Vector::max(Vector::zero(), sums[0]) : tanh(sums[0]));
  }

  static void differentiate(const rnn::recurrent::CellGradient& step, Slice at, Vector dh) {
    const Vector h = at.load(step.h);
    at.store(step.sums, relu ? Vector::where_positive(h, dh) : dh * Vector::fnma(h, h, Vector::all(1)));
  }
};

// The number of panels that a block of `rows` rows processes at once: fewer rows need more panels, so that enough
// additions are in flight to hide their latency.
template <typename Cell>
constexpr int panels_at_once(int rows) {
  int panels = 8;
  while (panels > 1 && rows * panels * Cell::kSums > Vector::kAccumulators) panels /= 2;
  return panels;
}

// Sums of `kRows` rows and `kPanels` panels, kept in registers.
template <typename Cell, int kRows, int kPanels>
struct Block {
  static constexpr int kRowCount = kRows, kPanelCount = kPanels;
  Vector sums[kRows][kPanels][Cell::kSums];

  void start(Rows from) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
#pragma GCC unroll 4
        for (int s = 0; s < Cell::kSums; s++) {
          sums[i][p][s] = Vector::load(from.data + i * from.stride + (p * Cell::kSums + s) * kLanes);
        }
      }
    }
  }

  void clear() {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
#pragma GCC unroll 4
        for (int s = 0; s < Cell::kSums; s++) sums[i][p][s] = Vector::zero();
      }
    }
  }

  // Adds a W to the sums that `kOf` lists for each gate; a (rows, inner) can have any strides.
  template <const int (&kOf)[Cell::kGates]>
  void add(Rows a, int64_t a_step, const float* weights, int64_t panel_stride, int64_t inner,
           int64_t step = Cell::kGates * kLanes) {
    const float* element = a.data;
    for (int64_t k = 0; k < inner; k++) {
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; p++) {
        Vector w[Cell::kGates];
#pragma GCC unroll 4
        for (int g = 0; g < Cell::kGates; g++) w[g] = Vector::load(weights + p * panel_stride + g * kLanes);
#pragma GCC unroll 8
        for (int i = 0; i < kRows; i++) {
          const Vector broadcast = Vector::all(element[i * a.stride]);
#pragma GCC unroll 4
          for (int g = 0; g < Cell::kGates; g++) {
            Vector& sum = sums[i][p][kOf[g]];
            sum = Vector::fma(broadcast, w[g], sum);
          }
        }
      }
      weights += step;
      element += a_step;
    }
  }
};

// Multiplies bfloat16 weights as floats, which is exact.
struct Widened {
  static void prepare(const rnn::recurrent::CellStep&) {}

  template <const auto& kOf, typename Block>
  static void add(Block& block, Rows a, const uint32_t*, int64_t, const float* weights, int64_t panel_stride,
                  int64_t inner) {
    constexpr int kGates = sizeof(kOf) / sizeof(kOf[0]);
    for (int64_t k = 0; k < inner; k += 2) {
      // If the number of inputs is odd, the last pair has no second input.
      const bool whole = k + 1 < inner;
#pragma GCC unroll 8
      for (int p = 0; p < Block::kPanelCount; p++) {
#pragma GCC unroll 4
        for (int g = 0; g < kGates; g++) {
          const Vector pairs = Vector::load(weights + p * panel_stride + g * kLanes);
          const Vector first = Vector::first_of(pairs), second = Vector::second_of(pairs);
#pragma GCC unroll 8
          for (int i = 0; i < Block::kRowCount; i++) {
            const float* element = a.data + i * a.stride + k;
            Vector& sum = block.sums[i][p][kOf[g]];
            sum = Vector::fma(Vector::all(element[0]), first, sum);
            if (whole) sum = Vector::fma(Vector::all(element[1]), second, sum);
          }
        }
      }
      weights += kGates * kLanes;
    }
  }
};

Rows at_row(Rows rows, int64_t row) { return {rows.data + row * rows.stride, rows.stride}; }

// Finishes one block of rows and panels.
template <typename Cell, int kRows, int kPanels>
void finish(const rnn::recurrent::CellStep& step, const Block<Cell, kRows, kPanels>& block, int64_t row,
            int64_t panel) {
  for (int i = 0; i < kRows; i++) {
    for (int p = 0; p < kPanels; p++) {
      const int64_t unit = (panel + p) * kLanes, left = step.units - unit;
      Cell::finish(step, {row + i, unit, left < kLanes ? left : kLanes}, block.sums[i][p]);
    }
  }
}

template <typename Cell_>
struct StepTask {
  using Cell = Cell_;
  const rnn::recurrent::CellStep& step;

  int64_t rows() const { return step.rows; }
  int64_t units() const { return step.units; }
  bool backwards() const { return step.backwards; }

  template <int kRows, int kPanels>
  void run(int64_t row, int64_t panel) const {
    Block<Cell, kRows, kPanels> block;
    block.start({step.start.data + row * step.start.stride + panel * Cell::kSums * kLanes, step.start.stride});
    const int64_t offset = panel * step.panel_stride;
    if (step.inputs > 0) {
      block.template add<Cell::kOfX>(at_row(step.x, row), 1, step.x_weights + offset, step.panel_stride, step.inputs);
    }
    block.template add<Cell::kOfH>(at_row(step.h, row), 1, step.h_weights + offset, step.panel_stride, step.states);
    finish(step, block, row, panel);
  }
};

template <typename Pairs>
struct Bfloat16 {
  template <typename Cell_>
  struct Task {
    using Cell = Cell_;
    const rnn::recurrent::CellStep& step;

    int64_t rows() const { return step.rows; }
    int64_t units() const { return step.units; }
    bool backwards() const { return step.backwards; }

    template <int kRows, int kPanels>
    void run(int64_t row, int64_t panel) const {
      Block<Cell, kRows, kPanels> block;
      block.start({step.start.data + row * step.start.stride + panel * Cell::kSums * kLanes, step.start.stride});
      const int64_t offset = panel * step.panel_stride, x_pairs = rnn::recurrent::pairs_of(step.inputs),
                    pairs = x_pairs + rnn::recurrent::pairs_of(step.states);
      const uint32_t* of_row = step.pairs + row * pairs;
      Pairs::template add<Cell::kOfX>(block, at_row(step.x, row), of_row, pairs, step.x_weights + offset,
                                      step.panel_stride, step.inputs);
      Pairs::template add<Cell::kOfH>(block, at_row(step.h, row), of_row + x_pairs, pairs, step.h_weights + offset,
                                      step.panel_stride, step.states);
      finish(step, block, row, panel);
    }
  };
};

template <typename Cell_>
struct InputProductTask {
  using Cell = Cell_;
  const rnn::recurrent::InputProduct& product;

  int64_t rows() const { return product.rows; }
  int64_t units() const { return product.units; }
  bool backwards() const { return false; }

  template <int kRows, int kPanels>
  void run(int64_t row, int64_t panel) const {
    Block<Cell, kRows, kPanels> block;
    const int64_t column = panel * Cell::kSums * kLanes;
    block.start({product.start + column, 0});
    block.template add<Cell::kOfX>(at_row(product.x, row), 1, product.weights + panel * product.panel_stride,
                                   product.panel_stride, product.inputs);
    for (int i = 0; i < kRows; i++) {
      float* to = product.sums.data + (row + i) * product.sums.stride + column;
      for (int p = 0; p < kPanels; p++) {
        for (int s = 0; s < Cell::kSums; s++) block.sums[i][p][s].store(to + (p * Cell::kSums + s) * kLanes);
      }
    }
  }
};

struct ProductTask {
  using Cell = Rnn<false>;
  const rnn::recurrent::Product& product;

  int64_t rows() const { return product.rows; }
  int64_t units() const { return product.columns; }
  bool backwards() const { return false; }

  template <int kRows, int kPanels>
  void run(int64_t row, int64_t panel) const {
    Block<Cell, kRows, kPanels> block;
    block.clear();
    block.template add<Cell::kOfX>(at_row(product.a, row), product.a_step, product.b + panel * product.panel_stride,
                                   product.panel_stride, product.inner, product.b_step);
    for (int i = 0; i < kRows; i++) {
      for (int p = 0; p < kPanels; p++) {
        const int64_t unit = (panel + p) * kLanes, left = product.columns - unit;
        const Slice at{row + i, unit, left < kLanes ? left : kLanes};
        const Vector sum = block.sums[i][p][0];
        at.store(product.c, product.accumulate ? at.load(product.c) + sum : sum);
      }
    }
  }
};

// Processes all panels of `kRows` rows, `kPanels` at a time and the remainder in halves; or in the opposite order.
template <int kRows, int kPanels, typename Task>
void run_panels(const Task& task, int64_t row, int64_t first, int64_t panels, bool backwards) {
  const int64_t rest = first + (panels - first) / kPanels * kPanels;
  if (!backwards) {
    for (int64_t panel = first; panel < rest; panel += kPanels) task.template run<kRows, kPanels>(row, panel);
  }
  if constexpr (kPanels > 1) {
    if (rest < panels) run_panels<kRows, kPanels / 2>(task, row, rest, panels, backwards);
  }
  if (backwards) {
    for (int64_t panel = rest; panel > first; panel -= kPanels) {
      task.template run<kRows, kPanels>(row, panel - kPanels);
    }
  }
}

template <int kRows, typename Task>
void run_rows(const Task& task, int64_t row, int64_t rows, bool backwards) {
  if (rows == kRows) {
    const int64_t panels = (task.units() + kLanes - 1) / kLanes;
    run_panels<kRows, panels_at_once<typename Task::Cell>(kRows)>(task, row, 0, panels, backwards);
  } else if constexpr (kRows > 1) {
    run_rows<kRows - 1>(task, row, rows, backwards);
  }
}

// Processes blocks of rows, as large as possible and of nearly equal size. Each block goes through the weights in the
// opposite direction of the previous one: if the weights are larger than the cache, those read last are still in it.
template <typename Task>
void run(const Task& task) {
  const int64_t blocks = (task.rows() + Vector::kRows - 1) / Vector::kRows;
  bool backwards = task.backwards();
  for (int64_t block = 0, row = 0; block < blocks; block++) {
    const int64_t end = task.rows() * (block + 1) / blocks;
    run_rows<Vector::kRows>(task, row, end - row, backwards);
    row = end;
    backwards = !backwards;
  }
}

template <template <typename> typename Task, typename Arguments>
void run_cell(const Arguments& arguments) {
  switch (arguments.cell) {
    case CellKind::kLstm:
      return run(Task<Lstm>{arguments});
    case CellKind::kGru:
      return run(Task<Gru>{arguments});
    case CellKind::kRnnTanh:
      return run(Task<Rnn<false>>{arguments});
    case CellKind::kRnnRelu:
      return run(Task<Rnn<true>>{arguments});
  }
}

template <typename Cell>
void differentiate_cell(const rnn::recurrent::CellGradient& step) {
  for (int64_t row = 0; row < step.rows; row++) {
    for (int64_t unit = 0; unit < step.units; unit += kLanes) {
      const int64_t left = step.units - unit;
      const Slice at{row, unit, left < kLanes ? left : kLanes};
      const Vector dh = at.load(step.dh);
      Cell::differentiate(step, at, step.y.data == nullptr ? dh : dh + at.load(step.y));
    }
  }
}

template <typename Pairs>
void step_bfloat16(const rnn::recurrent::CellStep& step) {
  Pairs::prepare(step);
  run_cell<Bfloat16<Pairs>::template Task, rnn::recurrent::CellStep>(step);
}

[[maybe_unused]] void differentiate(const rnn::recurrent::CellGradient& step) {
  switch (step.cell) {
    case CellKind::kLstm:
      return differentiate_cell<Lstm>(step);
    case CellKind::kGru:
      return differentiate_cell<Gru>(step);
    case CellKind::kRnnTanh:
      return differentiate_cell<Rnn<false>>(step);
    case CellKind::kRnnRelu:
      return differentiate_cell<Rnn<true>>(step);
  }
}

// Each lane is a chain of invertible steps, so that no single change is lost. There are enough lanes to hide the
// latency of a multiplication; memory is then the bottleneck.
[[maybe_unused]] uint64_t fingerprint(const void* data, int64_t bytes) {
  constexpr int64_t kWords = 64;
  constexpr uint32_t kOdd = 0x9e3779b1U;
  const auto* from = static_cast<const unsigned char*>(data);
  uint32_t lanes[kWords];
  uint32_t words[kWords];
  for (int64_t i = 0; i < kWords; i++) lanes[i] = static_cast<uint32_t>(i);
  const auto mix = [&] {
    for (int64_t i = 0; i < kWords; i++) {
      const uint32_t mixed = lanes[i] ^ words[i];
      lanes[i] = (mixed << 13 | mixed >> 19) * kOdd;
    }
  };
  int64_t at = 0;
  for (; at + static_cast<int64_t>(sizeof(words)) <= bytes; at += static_cast<int64_t>(sizeof(words))) {
    std::memcpy(words, from + at, sizeof(words));
    mix();
  }
  std::memset(words, 0, sizeof(words));
  std::memcpy(words, from + at, static_cast<size_t>(bytes - at));
  mix();
  uint64_t hash = static_cast<uint64_t>(bytes);
  for (const uint32_t lane : lanes) hash = (hash ^ lane) * 0x9e3779b97f4a7c15U;
  return hash;
}

[[maybe_unused]] constexpr rnn::recurrent::Kernels make_kernels(const char* name) {
  return {
      .name = name,
      .lanes = kLanes,
      .rows = Vector::kRows,
      .step = run_cell<StepTask, rnn::recurrent::CellStep>,
      .step_bfloat16 = step_bfloat16<Widened>,
      .multiply_inputs = run_cell<InputProductTask, rnn::recurrent::InputProduct>,
      .multiply = [](const rnn::recurrent::Product& product) { run(ProductTask{product}); },
      .differentiate = differentiate,
      .fingerprint = fingerprint,
  };
}

}  // namespace
