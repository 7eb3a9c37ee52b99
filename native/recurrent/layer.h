#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "recurrent/kernels.h"
#include "recurrent/memory.h"
#include "recurrent/thread_pool.h"
#include "recurrent/transposed.h"

namespace rnn::recurrent {

// The sizes of one layer in one direction.
struct LayerShape {
  CellKind cell;
  int64_t inputs;
  int64_t units;
  // The width of the LSTM's projection, or 0.
  int64_t projection;

  int64_t outputs() const { return projection > 0 ? projection : units; }
  int64_t gates() const { return gates_of(cell) * units; }
  // The width of what `CellStep` keeps of its gates, and the distance between rows of the gradient of the sums.
  int64_t saved() const { return cell == CellKind::kLstm || cell == CellKind::kGru ? 4 * units : 0; }
  // Not a power of two: what lies at such distances shares few places in the caches.
  int64_t sums_stride() const { return sums_of(cell) * units + kCacheLine; }

 private:
  static constexpr int64_t kCacheLine = 16;
};

// A direction's parameters in PyTorch's layout: (gates units, inputs), (gates units, outputs), (gates units) or null,
// (projection, units) or null.
struct LayerParameters {
  const float* weight_x;
  const float* weight_h;
  const float* bias_x;
  const float* bias_h;
  const float* weight_projection;
};

enum class WeightType : uint8_t { kFloat32, kBfloat16 };

// The same packed for the forward pass. A projection and the biases stay in float32.
struct ForwardWeights {
  WeightType type;
  Floats panels;
  int64_t panel_stride;
  // Where in each panel the weights of h begin.
  int64_t h_offset;
  Floats start;
  Floats projection;

  ForwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters,
                 WeightType type = WeightType::kFloat32);
};

// And for the backward pass.
struct BackwardWeights {
  Floats x;
  Floats h;
  Floats projection;

  BackwardWeights(const Kernels& kernels, const LayerShape& shape, const LayerParameters& parameters);
};

// Which rows of a batch take part in each time step: the first `rows[t]`, a number that never grows.
struct Schedule {
  int64_t batch;
  std::vector<int64_t> rows;
  // The rows of all steps before.
  std::vector<int64_t> offsets;
  int64_t total = 0;

  Schedule(int64_t batch, std::vector<int64_t> rows);
  int64_t steps() const { return static_cast<int64_t>(rows.size()); }
  // The borders of `count` shares of the batch with nearly as many steps each.
  std::vector<int64_t> shares(int64_t count) const;
};

// A sequence of inputs (rows of all steps, inputs). Steps of equally many rows may lie in any order.
struct Sequence {
  const float* data;
  int64_t row_stride;
  // Negative where each step follows the rows of the step before.
  int64_t step_stride;

  Rows at(const Schedule& schedule, int64_t step, int64_t row) const {
    const int64_t start = step_stride < 0 ? schedule.offsets[step] * row_stride : step * step_stride;
    return {data + start + row * row_stride, row_stride};
  }
};

// What one direction of a layer reads and writes. Matrices have the batch or all rows of all steps.
struct DirectionForward {
  bool reverse;
  const ForwardWeights* weights;
  // (batch, outputs), (batch, units)
  const float* h_first;
  const float* c_first;
  float* h_last;
  float* c_last;
  // (total, outputs) of this direction.
  MutableRows y;
  // For the gradient, or null: (total, saved), (total, units), and before the projection (total, units).
  float* gates;
  float* cell_states;
  float* unprojected;
};

struct DirectionBackward {
  bool reverse;
  const BackwardWeights* weights;
  const float* h_first;
  const float* c_first;
  Rows y;
  const float* gates;
  const float* cell_states;
  const float* unprojected;
  // Gradient of y, with null data for none.
  Rows dy;
  // Gradients of the last states, which become those of the first: (batch, outputs), (batch, units).
  float* dh;
  float* dc;
  // Memory: (total, sums_stride) and, with a projection, (total, outputs).
  float* dsums;
  float* dprojected;
  // Gradients of the parameters, or null where none is wanted.
  float* dweight_x;
  float* dweight_h;
  float* dbias_x;
  float* dbias_h;
  float* dweight_projection;
};

// The arithmetic of one layer over a whole sequence. Each thread takes some rows through all steps, so none waits for
// another within the sequence.
struct Layer {
  const Kernels& kernels;
  LayerShape shape;
  const Schedule& schedule;
  Sequence x;
  ThreadPool& pool;
  int64_t threads;

  void forward(const std::vector<DirectionForward>& directions) const;
  // `dx` (total, inputs) may be null.
  void backward(const std::vector<DirectionBackward>& directions, float* dx) const;

 private:
  struct Part;
  struct Task;
  std::vector<Part> parts(size_t directions) const;
  void forward_rows(const DirectionForward& direction, int64_t first, int64_t last) const;
  void backward_rows(const DirectionBackward& direction, int64_t first, int64_t last) const;
  void input_gradient(const std::vector<DirectionBackward>& directions, float* dx, int64_t first, int64_t last) const;
  std::vector<Run> input_runs() const;
  std::vector<Run> state_runs(const DirectionBackward& direction) const;
  std::vector<Task> weight_gradients(const DirectionBackward& direction) const;
  int64_t useful_threads(double operations) const;
};

}  // namespace rnn::recurrent
