#include "recurrent/layer.h"

namespace rnn::recurrent {
namespace {

// C = A B or C += A B for a whole matrix B (inner, columns) packed by `BackwardWeights`.
void multiply_packed(const Layer& layer, int64_t rows, Rows a, int64_t inner, const Floats& b, int64_t columns,
                     MutableRows c, bool accumulate) {
  layer.kernels.multiply({
      .rows = rows,
      .columns = columns,
      .inner = inner,
      .a = a,
      .a_step = 1,
      .b = b.data(),
      .b_step = layer.kernels.lanes,
      .panel_stride = inner * layer.kernels.lanes,
      .c = c,
      .accumulate = accumulate,
  });
}

// Turns the gradient of a step's projected output into that of the cell's output.
void through_projection(const Layer& layer, const DirectionBackward& direction, int64_t row, float* unprojected,
                        CellGradient& step) {
  const int64_t units = layer.shape.units, outputs = layer.shape.outputs();
  float* projected = direction.dprojected + row * outputs;
  for (int64_t r = 0; r < step.rows; r++) {
    for (int64_t u = 0; u < outputs; u++) {
      const float dy = step.y.data == nullptr ? 0 : step.y.data[r * step.y.stride + u];
      projected[r * outputs + u] = step.dh.data[r * outputs + u] + dy;
    }
  }
  multiply_packed(layer, step.rows, {projected, outputs}, outputs, direction.weights->projection, units,
                  {unprojected, units}, false);
  step.y = {};
  step.dh = {unprojected, units};
}

}  // namespace

void backward_rows(const Layer& layer, const DirectionBackward& direction, int64_t first, int64_t last) {
  const Kernels& kernels = layer.kernels;
  const LayerShape& shape = layer.shape;
  const Schedule& schedule = layer.schedule;
  const int64_t units = shape.units, outputs = shape.outputs(), sums = shape.sums_stride();
  const bool lstm = shape.cell == CellKind::kLstm;
  Floats unprojected(shape.projection > 0 ? (last - first) * units : 0);
  for (int64_t i = 0; i < schedule.steps(); i++) {
    const int64_t t = direction.reverse ? i : schedule.steps() - 1 - i, end = std::min(last, schedule.rows[t]);
    schedule.by_origin(t, direction.reverse, first, end, [&](int64_t from, int64_t to, int64_t before) {
      const int64_t row = schedule.offsets[t] + from;
      CellGradient step = {
          .cell = shape.cell,
          .rows = to - from,
          .units = units,
          .gates = {direction.gates + row * shape.saved(), shape.saved()},
          .c_before = {},
          .c = {},
          .h_before = state_before(direction.y, direction.h_first, outputs, before, from),
          .h = {direction.y.data + row * direction.y.stride, direction.y.stride},
          .y = {},
          .dh = {direction.dh + from * outputs, outputs},
          .dc = {},
          .sums = {direction.dsums + row * sums, sums},
      };
      if (direction.dy.data != nullptr) {
        step.y = {direction.dy.data + row * direction.dy.stride, direction.dy.stride};
      }
      if (lstm) {
        step.c_before = state_before({direction.cell_states, units}, direction.c_first, units, before, from);
        step.c = {direction.cell_states + row * units, units};
        step.dc = {direction.dc + from * units, units};
      }
      const MutableRows dh = step.dh;
      if (shape.projection > 0) through_projection(layer, direction, row, unprojected.data(), step);
      kernels.differentiate(step);
      multiply_packed(layer, step.rows, {step.sums.data, sums}, shape.gates(), direction.weights->h, outputs, dh,
                      shape.cell == CellKind::kGru);
    });
  }
}

void input_gradient(const Layer& layer, const std::vector<DirectionBackward>& directions, float* dx, int64_t first,
                    int64_t last) {
  const Kernels& kernels = layer.kernels;
  const LayerShape& shape = layer.shape;
  bool accumulate = false;
  for (const DirectionBackward& direction : directions) {
    const auto add = [&](int64_t column, int64_t inner, int64_t weight_row) {
      kernels.multiply({
          .rows = last - first,
          .columns = shape.inputs,
          .inner = inner,
          .a = {direction.dsums + first * shape.sums_stride() + column, shape.sums_stride()},
          .a_step = 1,
          .b = direction.weights->x.data() + weight_row * kernels.lanes,
          .b_step = kernels.lanes,
          .panel_stride = shape.gates() * kernels.lanes,
          .c = {dx + first * shape.inputs, shape.inputs},
          .accumulate = accumulate,
      });
      accumulate = true;
    };
    if (shape.cell == CellKind::kGru) {
      add(0, 2 * shape.units, 0);
      add(3 * shape.units, shape.units, 2 * shape.units);
    } else {
      add(0, shape.gates(), 0);
    }
  }
}

}  // namespace rnn::recurrent
