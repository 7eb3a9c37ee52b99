#include <algorithm>
#include <memory>

#include "recurrent/layer.h"

namespace rnn::recurrent {
namespace {

constexpr int64_t kRowsOfAProduct = 64;

// The inputs that correspond to the rows of all steps.
std::vector<Run> input_runs(const Layer& layer) {
  const Schedule& schedule = layer.schedule;
  const Sequence& x = layer.x;
  const int64_t batch = schedule.batch, steps = schedule.steps();
  if (x.step_stride < 0 || (schedule.total == batch * steps && x.step_stride == batch * x.row_stride)) {
    return {{0, 1, schedule.total, {x.data, x.row_stride}}};
  }
  std::vector<Run> runs;
  if (schedule.total == batch * steps && batch < steps) {
    for (int64_t row = 0; row < batch; row++) {
      runs.push_back({row, batch, steps, {x.data + row * x.row_stride, x.step_stride}});
    }
  } else {
    for (int64_t t = 0; t < steps; t++) {
      runs.push_back({schedule.offsets[t], 1, schedule.rows[t], {x.data + t * x.step_stride, x.row_stride}});
    }
  }
  return runs;
}

// The states that correspond to the rows of all steps: those before each step.
std::vector<Run> state_runs(const Layer& layer, const DirectionBackward& direction) {
  const Schedule& schedule = layer.schedule;
  const int64_t outputs = layer.shape.outputs();
  std::vector<Run> runs;
  for (int64_t t = 0; t < schedule.steps(); t++) {
    schedule.by_origin(t, direction.reverse, 0, schedule.rows[t], [&](int64_t from, int64_t to, int64_t before) {
      const Run run = {schedule.offsets[t] + from, 1, to - from,
                       state_before(direction.y, direction.h_first, outputs, before, from)};
      Run* last = runs.empty() ? nullptr : &runs.back();
      if (last != nullptr && last->first + last->count == run.first && last->b.stride == run.b.stride &&
          last->b.data + last->count * last->b.stride == run.b.data) {
        last->count += run.count;
      } else {
        runs.push_back(run);
      }
    });
  }
  return runs;
}

// Splits the rows of a product among the threads. Each part reads the right-hand sides again.
void add_product(const Layer& layer, TransposedProduct product, std::vector<Task>& tasks) {
  std::erase_if(product.sides, [](const auto& side) { return side.c == nullptr; });
  std::erase(product.sums, nullptr);
  if (product.sides.empty() && product.sums.empty()) return;
  int64_t columns = 0;
  for (const auto& side : product.sides) columns += side.columns;
  const int64_t most = layer.threads == 1 ? 1 : 2 * layer.threads;
  const int64_t count = std::clamp(product.rows / kRowsOfAProduct, int64_t{1}, most);
  // Whole blocks, except for the last part.
  const auto border = [&](int64_t n) {
    return n == count ? product.rows : product.rows * n / count / layer.kernels.rows * layer.kernels.rows;
  };
  for (int64_t i = 0; i < count; i++) {
    const int64_t from = border(i), to = border(i + 1);
    if (from == to) continue;
    tasks.push_back({(to - from) * product.inner * columns,
                     [&kernels = layer.kernels, product, from, to] { product.part(from, to).run(kernels); }});
  }
}

}  // namespace

std::vector<Task> weight_gradients(const Layer& layer, const DirectionBackward& direction) {
  const LayerShape& shape = layer.shape;
  const Schedule& schedule = layer.schedule;
  std::vector<Task> tasks;
  const int64_t units = shape.units, sums = shape.sums_stride();
  const auto inputs = std::make_shared<std::vector<Run>>(input_runs(layer));
  const auto states = std::make_shared<std::vector<Run>>(state_runs(layer, direction));
  // Adds the gradients of the weights of the gates from `gate` on, for x, for h, or for both; `column` is their first
  // column in dsums.
  const auto of_gates = [&](int64_t column, int64_t rows, int64_t gate, bool of_x, bool of_h) {
    const auto at = [gate](float* gradient, int64_t width) {
      return gradient == nullptr ? nullptr : gradient + gate * width;
    };
    add_product(layer,
                {
                    .rows = rows,
                    .inner = schedule.total,
                    .a = {direction.dsums + column, sums},
                    .sides = {{inputs, shape.inputs, of_x ? at(direction.dweight_x, shape.inputs) : nullptr},
                              {states, shape.outputs(), of_h ? at(direction.dweight_h, shape.outputs()) : nullptr}},
                    .sums = {of_x ? at(direction.dbias_x, 1) : nullptr, of_h ? at(direction.dbias_h, 1) : nullptr},
                },
                tasks);
  };
  if (shape.cell == CellKind::kGru) {
    of_gates(0, 2 * units, 0, true, true);
    of_gates(2 * units, units, 2 * units, false, true);
    of_gates(3 * units, units, 2 * units, true, false);
  } else {
    of_gates(0, shape.gates(), 0, true, true);
  }
  if (shape.projection > 0) {
    const auto unprojected =
        std::make_shared<std::vector<Run>>(std::vector<Run>{{0, 1, schedule.total, {direction.unprojected, units}}});
    add_product(layer,
                {
                    .rows = shape.outputs(),
                    .inner = schedule.total,
                    .a = {direction.dprojected, shape.outputs()},
                    .sides = {{unprojected, units, direction.dweight_projection}},
                    .sums = {},
                },
                tasks);
  }
  return tasks;
}

}  // namespace rnn::recurrent
