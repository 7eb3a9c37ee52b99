#include <algorithm>
#include <optional>

#include "recurrent/layer.h"
#include "recurrent/pack.h"

namespace rnn::recurrent {
namespace {

// Fewer rows than this do not keep a core busy with the input weights, so their products are computed for several steps
// at once.
constexpr int64_t kFewRows = 4;
constexpr int64_t kRowsOfInputProducts = 30;

int64_t step_at(const Layer& layer, const DirectionForward& direction, int64_t i) {
  return direction.reverse ? layer.schedule.steps() - 1 - i : i;
}

// x Wx + b of a few rows, computed several steps ahead.
class InputAhead {
 public:
  InputAhead(const Layer& layer, const DirectionForward& direction, int64_t first, int64_t last)
      : layer_(layer),
        direction_(direction),
        first_(first),
        last_(last),
        width_(panels_of(layer.shape.units, layer.kernels.lanes) * sums_of(layer.shape.cell) * layer.kernels.lanes),
        steps_(kRowsOfInputProducts / (last - first)),
        inputs_(kRowsOfInputProducts * layer.shape.inputs),
        sums_(kRowsOfInputProducts * width_),
        starts_(static_cast<size_t>(steps_)) {}

  static bool pays(const Layer& layer, const DirectionForward& direction, int64_t rows) {
    return direction.weights->type == WeightType::kFloat32 && rows < kFewRows && layer.schedule.steps() > 1;
  }

  // If the `i`-th step is the first of a block of steps, computes the sums of the whole block.
  void advance(int64_t i) {
    if (i % steps_ != 0) return;
    const LayerShape& shape = layer_.shape;
    int64_t count = 0;
    for (int64_t j = i; j < std::min(i + steps_, layer_.schedule.steps()); j++) {
      const int64_t t = step_at(layer_, direction_, j);
      starts_[static_cast<size_t>(j - i)] = count;
      for (int64_t row = first_; row < std::min(last_, layer_.schedule.rows[t]); row++, count++) {
        const float* from = layer_.x.at(layer_.schedule, t, row).data;
        std::copy(from, from + shape.inputs, inputs_.data() + count * shape.inputs);
      }
    }
    layer_.kernels.multiply_inputs({
        .cell = shape.cell,
        .rows = count,
        .units = shape.units,
        .x = {inputs_.data(), shape.inputs},
        .inputs = shape.inputs,
        .weights = direction_.weights->panels.data(),
        .panel_stride = direction_.weights->panel_stride,
        .start = direction_.weights->start.data(),
        .sums = {sums_.data(), width_},
    });
  }

  // The sums of the `i`-th step from `row` on.
  Rows at(int64_t i, int64_t row) const {
    return {sums_.data() + (starts_[static_cast<size_t>(i % steps_)] + row - first_) * width_, width_};
  }

 private:
  const Layer& layer_;
  const DirectionForward& direction_;
  const int64_t first_, last_;
  // The width of the sums of a row.
  const int64_t width_;
  // The number of steps in a block, and the start of each within it.
  const int64_t steps_;
  Floats inputs_, sums_;
  std::vector<int64_t> starts_;
};

// The rows from `first` to `last` of one direction, step by step.
class ForwardRows {
 public:
  ForwardRows(const Layer& layer, const DirectionForward& direction, int64_t first, int64_t last)
      : layer_(layer),
        direction_(direction),
        first_(first),
        last_(last),
        bfloat16_(direction.weights->type == WeightType::kBfloat16),
        lstm_(layer.shape.cell == CellKind::kLstm),
        pairs_(static_cast<size_t>(
            bfloat16_ ? (last - first) * (pairs_of(layer.shape.inputs) + pairs_of(layer.shape.outputs())) : 0)),
        unprojected_(layer.shape.projection > 0 && direction.unprojected == nullptr ? (last - first) * layer.shape.units
                                                                                    : 0) {
    if (InputAhead::pays(layer, direction, last - first)) ahead_.emplace(layer, direction, first, last);
    const int64_t units = layer.shape.units;
    if (lstm_ && direction.cell_states == nullptr && direction.c_last != direction.c_first) {
      std::copy(direction.c_first + first * units, direction.c_first + last * units, direction.c_last + first * units);
    }
  }

  void run() {
    for (int64_t i = 0; i < layer_.schedule.steps(); i++) {
      const int64_t t = step_at(layer_, direction_, i), end = std::min(last_, layer_.schedule.rows[t]);
      if (ahead_) ahead_->advance(i);
      layer_.schedule.by_origin(t, direction_.reverse, first_, end,
                                [&](int64_t from, int64_t to, int64_t before) { step(i, t, from, to, before); });
    }
    finish();
  }

 private:
  // The rows from `from` to `to` of the `i`-th step, which is step `t`; for `before` see `Schedule::by_origin`.
  void step(int64_t i, int64_t t, int64_t from, int64_t to, int64_t before) {
    const LayerShape& shape = layer_.shape;
    const ForwardWeights& weights = *direction_.weights;
    const int64_t units = shape.units, outputs = shape.outputs(), row = layer_.schedule.offsets[t] + from;
    const MutableRows output = {direction_.y.data + row * direction_.y.stride, direction_.y.stride};
    const Rows history = {direction_.y.data, direction_.y.stride};
    const Rows h = state_before(history, direction_.h_first, outputs, before, from);
    CellStep step = {
        .cell = shape.cell,
        .rows = to - from,
        .units = units,
        .x = layer_.x.at(layer_.schedule, t, from),
        .inputs = shape.inputs,
        .h = h,
        .states = outputs,
        .x_weights = weights.panels.data(),
        .h_weights = weights.panels.data() + weights.h_offset,
        .panel_stride = weights.panel_stride,
        .start = {weights.start.data(), 0},
        .c_before = {},
        .c = {},
        .h_before = h,
        .y = shape.projection > 0 ? unprojected(row) : output,
        .pairs = pairs_.data(),
        .gates = {},
        .backwards = i % 2 == 1,
    };
    if (ahead_) {
      step.inputs = 0;
      step.start = ahead_->at(i, from);
    }
    if (direction_.gates != nullptr) step.gates = {direction_.gates + row * shape.saved(), shape.saved()};
    if (lstm_ && direction_.cell_states != nullptr) {
      step.c_before = state_before({direction_.cell_states, units}, direction_.c_first, units, before, from);
      step.c = {direction_.cell_states + row * units, units};
    } else if (lstm_) {
      step.c = {direction_.c_last + from * units, units};
      step.c_before = {step.c.data, units};
    }
    bfloat16_ ? layer_.kernels.step_bfloat16(step) : layer_.kernels.step(step);
    if (shape.projection > 0) project(step, output);
  }

  // The memory for a step's output before the projection.
  MutableRows unprojected(int64_t row) {
    const int64_t units = layer_.shape.units;
    return {direction_.unprojected ? direction_.unprojected + row * units : unprojected_.data(), units};
  }

  void project(const CellStep& step, MutableRows output) const {
    const int64_t units = layer_.shape.units, lanes = layer_.kernels.lanes;
    layer_.kernels.multiply({
        .rows = step.rows,
        .columns = layer_.shape.outputs(),
        .inner = units,
        .a = {step.y.data, step.y.stride},
        .a_step = 1,
        .b = direction_.weights->projection.data(),
        .b_step = lanes,
        .panel_stride = units * lanes,
        .c = output,
        .accumulate = false,
    });
  }

  // Copies the final states. Forwards, a row ends at its last step; backwards, at the first.
  void finish() {
    const int64_t units = layer_.shape.units, outputs = layer_.shape.outputs();
    for (int64_t row = first_; row < last_; row++) {
      const int64_t at = layer_.schedule.offsets[direction_.reverse ? 0 : layer_.schedule.last_step(row)] + row;
      std::copy_n(direction_.y.data + at * direction_.y.stride, outputs, direction_.h_last + row * outputs);
      if (lstm_ && direction_.cell_states != nullptr) {
        std::copy_n(direction_.cell_states + at * units, units, direction_.c_last + row * units);
      }
    }
  }

  const Layer& layer_;
  const DirectionForward& direction_;
  const int64_t first_, last_;
  const bool bfloat16_, lstm_;
  std::vector<uint32_t> pairs_;
  Floats unprojected_;
  std::optional<InputAhead> ahead_;
};

}  // namespace

void forward_rows(const Layer& layer, const DirectionForward& direction, int64_t first, int64_t last) {
  ForwardRows(layer, direction, first, last).run();
}

}  // namespace rnn::recurrent
