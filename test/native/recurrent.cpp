// The core of the recurrent kernels without Node and LibTorch, for sanitizers: layers of random shapes against plain
// arithmetic in double precision, their gradients against its central differences. All buffers end where they must.
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

#include "recurrent/head.h"
#include "recurrent/layer.h"

namespace {

using namespace rnn::recurrent;
using Doubles = std::vector<double>;

std::mt19937 generator(1);

int64_t any(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(generator); }
template <typename T>
T one_of(std::initializer_list<T> values) {
  return values.begin()[any(0, static_cast<int64_t>(values.size()) - 1)];
}
std::vector<float> random_floats(int64_t size, float scale = 1) {
  std::vector<float> floats(static_cast<size_t>(size));
  for (float& x : floats) x = scale * std::normal_distribution<float>()(generator);
  return floats;
}
Doubles doubles(const std::vector<float>& floats) { return {floats.begin(), floats.end()}; }

// To the nearest bfloat16, and of two to the even one.
double rounded(double x) {
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(x));
  return std::bit_cast<float>((bits + 0x7fffU + ((bits >> 16) & 1U)) & 0xffff0000U);
}
Doubles rounded(const std::vector<float>& floats) {
  Doubles result;
  for (const float x : floats) result.push_back(rounded(x));
  return result;
}

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

// One direction of a layer in double precision. Of no bias and no projection, the vectors are empty.
struct Direction {
  bool reverse;
  Doubles weight_x, weight_h, bias_x, bias_h, weight_projection, h_first, c_first;
  // What the weights of the gates are multiplied by is rounded to bfloat16.
  bool rounds = false;
};

struct Outputs {
  Doubles y, h, c;
  // How near a unit with ReLU gets to the kink, for the size of what is summed: beyond it the gradient is another one.
  double margin = INFINITY;
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Row by row: x is (total, inputs) in the order of the schedule. With `states`, each step starts from the output that
// they, instead of this function, have for the step before it.
Outputs reference(const LayerShape& shape, const Schedule& schedule, const Direction& direction, const Doubles& x,
                  const Doubles& states = {}) {
  const int64_t units = shape.units, outputs = shape.outputs();
  Outputs result{Doubles(static_cast<size_t>(schedule.total * outputs)), direction.h_first, direction.c_first};
  for (int64_t row = 0; row < schedule.batch; row++) {
    int64_t length = 0;
    while (length < schedule.steps() && schedule.rows[static_cast<size_t>(length)] > row) length++;
    double* h = result.h.data() + row * outputs;
    double* c = result.c.data() + row * units;
    for (int64_t i = 0; i < length; i++) {
      const int64_t at = schedule.offsets[static_cast<size_t>(direction.reverse ? length - 1 - i : i)] + row;
      const auto sum = [&](const Doubles& weight, const Doubles& bias, const double* of, int64_t width, int64_t k,
                           bool rounds) {
        double value = bias.empty() ? 0 : bias[static_cast<size_t>(k)];
        for (int64_t j = 0; j < width; j++) {
          value += weight[static_cast<size_t>(k * width + j)] * (rounds ? rounded(of[j]) : of[j]);
        }
        return value;
      };
      const auto of_x = [&](int64_t gate, int64_t unit) {
        const double* from = x.data() + at * shape.inputs;
        return sum(direction.weight_x, direction.bias_x, from, shape.inputs, gate * units + unit, direction.rounds);
      };
      const auto of_h = [&](int64_t gate, int64_t unit) {
        return sum(direction.weight_h, direction.bias_h, h, outputs, gate * units + unit, direction.rounds);
      };
      Doubles next(static_cast<size_t>(units));
      for (int64_t u = 0; u < units; u++) {
        const auto both = [&](int64_t gate) { return of_x(gate, u) + of_h(gate, u); };
        double& value = next[static_cast<size_t>(u)];
        if (shape.cell == CellKind::kLstm) {
          c[u] = sigmoid(both(1)) * c[u] + sigmoid(both(0)) * std::tanh(both(2));
          value = sigmoid(both(3)) * std::tanh(c[u]);
        } else if (shape.cell == CellKind::kGru) {
          const double z = sigmoid(both(1)), n = std::tanh(of_x(2, u) + sigmoid(both(0)) * of_h(2, u));
          value = (1 - z) * n + z * h[u];
        } else {
          const double from_x = of_x(0, u), from_h = of_h(0, u), input = from_x + from_h;
          value = shape.cell == CellKind::kRnnTanh ? std::tanh(input) : std::max(0.0, input);
          if (shape.cell == CellKind::kRnnRelu) {
            const double size = std::max(1.0, std::abs(from_x) + std::abs(from_h));
            result.margin = std::min(result.margin, std::abs(input) / size);
          }
        }
      }
      for (int64_t k = 0; k < outputs; k++) {
        h[k] = shape.projection > 0 ? sum(direction.weight_projection, {}, next.data(), units, k, false)
                                    : next[static_cast<size_t>(k)];
      }
      std::copy_n(h, outputs, result.y.data() + at * outputs);
      if (!states.empty() && i + 1 < length) std::copy_n(states.data() + at * outputs, outputs, h);
    }
  }
  return result;
}

void require_close(const std::vector<float>& found, const Doubles& expected, double tolerance,
                   const std::string& what) {
  require(found.size() == expected.size(), what + ": sizes differ");
  for (size_t i = 0; i < found.size(); i++) {
    require(
        std::abs(found[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])),
        what + "[" + std::to_string(i) + "] is " + std::to_string(found[i]) + ", not " + std::to_string(expected[i]));
  }
}

// What a layer of `shape` computes with `kernels` and `threads`, forwards and backwards.
class Trial {
 public:
  Trial(const Kernels& kernels, ThreadPool& pool, int64_t threads, LayerShape shape, Schedule schedule,
        int64_t directions, bool bias)
      : kernels_(kernels), pool_(pool), threads_(threads), shape_(shape), schedule_(std::move(schedule)) {
    const int64_t units = shape_.units, outputs = shape_.outputs(), gates = shape_.gates(), batch = schedule_.batch;
    const float scale = 1 / std::sqrt(static_cast<float>(units));
    choose_input();
    for (int64_t d = 0; d < directions; d++) {
      Side side;
      side.parameters = {random_floats(gates * shape_.inputs, scale), random_floats(gates * outputs, scale),
                         random_floats(bias ? gates : 0), random_floats(bias ? gates : 0),
                         random_floats(shape_.projection * units, scale)};
      side.h_first = random_floats(batch * outputs);
      side.c_first = random_floats(shape_.cell == CellKind::kLstm ? batch * units : 0);
      side.h_last = std::vector<float>(side.h_first.size());
      side.c_last = std::vector<float>(side.c_first.size());
      sides_.push_back(std::move(side));
    }
    name_ = std::string(kernels.name) + " cell " + std::to_string(static_cast<int>(shape.cell)) + " inputs " +
            std::to_string(shape.inputs) + " units " + std::to_string(units) + " projection " +
            std::to_string(shape.projection) + " batch " + std::to_string(batch) + " steps " +
            std::to_string(schedule_.steps()) + " directions " + std::to_string(directions) + " threads " +
            std::to_string(threads);
  }

  void run() {
    forward(WeightType::kBfloat16, false);
    compare("bfloat16", true);
    forward(WeightType::kFloat32, false);
    compare("inference", false);
    forward(WeightType::kFloat32, true);
    compare("training", false);
    backward();
  }

 private:
  struct Side {
    // weight_x, weight_h, bias_x, bias_h, weight_projection, and their gradients
    std::vector<std::vector<float>> parameters, gradients;
    std::vector<float> h_first, c_first, h_last, c_last, gates, cells, unprojected, dh, dc;

    Direction direction(bool reverse, bool rounds = false) const {
      return {reverse,
              rounds ? rounded(parameters[0]) : doubles(parameters[0]),
              rounds ? rounded(parameters[1]) : doubles(parameters[1]),
              doubles(parameters[2]),
              doubles(parameters[3]),
              doubles(parameters[4]),
              doubles(h_first),
              doubles(c_first)};
    }
    LayerParameters pointers() const {
      const auto data = [&](size_t i) { return parameters[i].empty() ? nullptr : parameters[i].data(); };
      return {data(0), data(1), data(2), data(3), data(4)};
    }
  };

  // Steps one after the other with gaps between rows, the batch first, or the same numbers again and again.
  void choose_input() {
    const int64_t inputs = shape_.inputs, batch = schedule_.batch, steps = schedule_.steps();
    const bool even = schedule_.rows.back() == batch;
    const int64_t layout = even ? any(0, 3) : 0;
    sequence_.step_stride = layout == 0 ? -1 : layout == 1 ? inputs : layout == 2 ? 0 : inputs;
    sequence_.row_stride = layout == 0 ? inputs + any(0, 3) : layout == 1 ? steps * inputs : layout == 2 ? inputs : 0;
    const int64_t rows = layout == 0 ? schedule_.total : layout == 3 ? 1 : batch;
    const int64_t extent = (rows - 1) * sequence_.row_stride + (layout == 1 || layout == 3 ? steps * inputs : inputs);
    input_ = random_floats(extent);
    sequence_.data = input_.data();
    for (int64_t t = 0; t < steps; t++) {
      for (int64_t row = 0; row < schedule_.rows[static_cast<size_t>(t)]; row++) {
        const float* from = sequence_.at(schedule_, t, row).data;
        x_.insert(x_.end(), from, from + inputs);
      }
    }
  }

  Layer layer() const { return {kernels_, shape_, schedule_, sequence_, pool_, threads_}; }
  int64_t width() const { return static_cast<int64_t>(sides_.size()) * shape_.outputs(); }

  void forward(WeightType type, bool train) {
    const int64_t total = schedule_.total;
    const bool lstm = shape_.cell == CellKind::kLstm;
    y_ = std::vector<float>(static_cast<size_t>(total * width()), NAN);
    std::vector<ForwardWeights> packed;
    std::vector<DirectionForward> runs;
    packed.reserve(sides_.size());
    for (size_t d = 0; d < sides_.size(); d++) {
      Side& side = sides_[d];
      packed.emplace_back(kernels_, shape_, side.pointers(), type);
      const auto memory = [&](std::vector<float>& of, int64_t size) {
        of = std::vector<float>(static_cast<size_t>(train ? total * size : 0), NAN);
        return of.empty() ? nullptr : of.data();
      };
      runs.push_back({.reverse = d == 1,
                      .weights = &packed.back(),
                      .h_first = side.h_first.data(),
                      .c_first = side.c_first.data(),
                      .h_last = side.h_last.data(),
                      .c_last = side.c_last.data(),
                      .y = {y_.data() + static_cast<int64_t>(d) * shape_.outputs(), width()},
                      .gates = memory(side.gates, shape_.saved()),
                      .cell_states = memory(side.cells, lstm ? shape_.units : 0),
                      .unprojected = memory(side.unprojected, shape_.projection > 0 ? shape_.units : 0)});
    }
    layer().forward(runs);
  }

  std::vector<float> output(size_t d) const {
    std::vector<float> of;
    for (int64_t row = 0; row < schedule_.total; row++) {
      const auto from = y_.begin() + row * width() + static_cast<int64_t>(d) * shape_.outputs();
      of.insert(of.end(), from, from + shape_.outputs());
    }
    return of;
  }

  bool rounds_inputs() const { return std::string(kernels_.name) == "avx512_bf16"; }

  // `rounds`: with weights of bfloat16.
  void compare(const std::string& what, bool rounds) const {
    constexpr double kTolerance = 3e-5;
    for (size_t d = 0; d < sides_.size(); d++) {
      Direction direction = sides_[d].direction(d == 1, rounds);
      direction.rounds = rounds && rounds_inputs();
      const std::vector<float> found = output(d);
      // Each step starts from the state that was found, since differences grow from step to step: a network that is
      // sensitive to its state multiplies them, and the last bit of a state may decide which way it is rounded.
      const Outputs expected = reference(shape_, schedule_, direction, x_, doubles(found));
      require_close(found, expected.y, kTolerance, name_ + ", " + what + ": y");
      require_close(sides_[d].h_last, expected.h, kTolerance, name_ + ", " + what + ": h");
      require_close(sides_[d].c_last, expected.c, kTolerance, name_ + ", " + what + ": c");
    }
  }

  void backward() {
    const int64_t total = schedule_.total, outputs = shape_.outputs();
    const std::vector<float> dy = random_floats(total * width());
    std::vector<float> dx(static_cast<size_t>(total * shape_.inputs), NAN);
    std::vector<BackwardWeights> packed;
    std::vector<DirectionBackward> runs;
    std::vector<std::vector<float>> memory;
    std::vector<std::vector<float>> dh_last, dc_last;
    packed.reserve(sides_.size());
    const auto lend = [&](int64_t size) {
      memory.emplace_back(static_cast<size_t>(size), NAN);
      return memory.back().empty() ? nullptr : memory.back().data();
    };
    for (size_t d = 0; d < sides_.size(); d++) {
      Side& side = sides_[d];
      packed.emplace_back(kernels_, shape_, side.pointers());
      dh_last.push_back(side.dh = random_floats(static_cast<int64_t>(side.h_first.size())));
      dc_last.push_back(side.dc = random_floats(static_cast<int64_t>(side.c_first.size())));
      side.gradients.clear();
      for (const auto& parameter : side.parameters) side.gradients.emplace_back(parameter.size(), NAN);
      const auto gradient = [&](size_t i) { return side.gradients[i].empty() ? nullptr : side.gradients[i].data(); };
      runs.push_back({.reverse = d == 1,
                      .weights = &packed.back(),
                      .h_first = side.h_first.data(),
                      .c_first = side.c_first.data(),
                      .y = {y_.data() + static_cast<int64_t>(d) * outputs, width()},
                      .gates = side.gates.data(),
                      .cell_states = side.cells.data(),
                      .unprojected = side.unprojected.data(),
                      .dy = {dy.data() + static_cast<int64_t>(d) * outputs, width()},
                      .dh = side.dh.data(),
                      .dc = side.dc.data(),
                      .dsums = lend(total * shape_.sums_stride()),
                      .dprojected = lend(shape_.projection > 0 ? total * outputs : 0),
                      .dweight_x = gradient(0),
                      .dweight_h = gradient(1),
                      .dbias_x = gradient(2),
                      .dbias_h = gradient(3),
                      .dweight_projection = gradient(4)});
    }
    layer().backward(runs, dx.data());

    // The loss that dy, dh and dc are the gradients of.
    const auto loss = [&](const std::vector<Direction>& directions, const Doubles& x) {
      double sum = 0;
      for (size_t d = 0; d < directions.size(); d++) {
        const Outputs result = reference(shape_, schedule_, directions[d], x);
        for (int64_t row = 0; row < total; row++) {
          for (int64_t k = 0; k < outputs; k++) {
            const auto column = static_cast<int64_t>(d) * outputs + k;
            sum += result.y[static_cast<size_t>(row * outputs + k)] * dy[static_cast<size_t>(row * width() + column)];
          }
        }
        for (size_t i = 0; i < result.h.size(); i++) sum += result.h[i] * dh_last[d][i];
        for (size_t i = 0; i < result.c.size(); i++) sum += result.c[i] * dc_last[d][i];
      }
      return sum;
    };
    std::vector<Direction> directions;
    for (size_t d = 0; d < sides_.size(); d++) {
      directions.push_back(sides_[d].direction(d == 1));
      // Where float and double, or the two sides of a difference, may be on different sides of it.
      if (reference(shape_, schedule_, directions.back(), x_).margin < 1e-5) return;
    }
    const auto check = [&](Doubles& values, const std::vector<float>& gradients, const std::string& what) {
      for (int64_t sample = 0; sample < 3 && !values.empty(); sample++) {
        const auto i = static_cast<size_t>(any(0, static_cast<int64_t>(values.size()) - 1));
        constexpr double kStep = 1e-6;
        const double value = values[i];
        values[i] = value + kStep;
        const double above = loss(directions, x_);
        values[i] = value - kStep;
        const double below = loss(directions, x_);
        values[i] = value;
        require_close({gradients[i]}, {(above - below) / (2 * kStep)}, 3e-4, name_ + ", gradient of " + what);
      }
    };
    check(x_, dx, "x");
    for (size_t d = 0; d < sides_.size(); d++) {
      Direction& of = directions[d];
      const Side& side = sides_[d];
      check(of.weight_x, side.gradients[0], "weight_x");
      check(of.weight_h, side.gradients[1], "weight_h");
      check(of.bias_x, side.gradients[2], "bias_x");
      check(of.bias_h, side.gradients[3], "bias_h");
      check(of.weight_projection, side.gradients[4], "weight_projection");
      check(of.h_first, side.dh, "h");
      check(of.c_first, side.dc, "c");
    }
  }

  const Kernels& kernels_;
  ThreadPool& pool_;
  int64_t threads_;
  LayerShape shape_;
  Schedule schedule_;
  Sequence sequence_{};
  std::vector<float> input_, y_;
  Doubles x_;
  std::vector<Side> sides_;
  std::string name_;
};

Schedule any_schedule(int64_t batch, int64_t steps, bool even) {
  std::vector<int64_t> rows;
  for (int64_t t = 0, count = batch; t < steps; t++) {
    rows.push_back(count);
    if (!even) count = any(std::max<int64_t>(1, count - 2), count);
  }
  return {batch, rows};
}

void test_layers(ThreadPool& pool) {
  for (const Kernels* kernels : available_kernels()) {
    for (int i = 0; i < 32; i++) {
      const auto cell = static_cast<CellKind>(i % 4);
      const int64_t units = one_of<int64_t>({1, 2, 5, 8, 15, 16, 17, 33});
      const int64_t projection = cell == CellKind::kLstm && units > 1 && any(0, 1) == 1 ? any(1, units - 1) : 0;
      const LayerShape shape{cell, one_of<int64_t>({1, 2, 3, 7, 16, 19}), units, projection};
      Schedule schedule = any_schedule(one_of<int64_t>({1, 2, 3, 4, 7, 13}), any(1, 12), any(0, 1) == 1);
      Trial(*kernels, pool, any(1, 3), shape, std::move(schedule), any(1, 2), any(0, 1) == 1).run();
    }
  }
}

// A linear layer and its gradients, against the formulas.
void test_heads(ThreadPool& pool) {
  for (const Kernels* kernels : available_kernels()) {
    for (int i = 0; i < 16; i++) {
      const int64_t rows = any(1, 40), inputs = one_of<int64_t>({1, 3, 16, 17, 32}), outputs = any(1, 19);
      const auto x = random_floats(rows * inputs), weight = random_floats(outputs * inputs),
                 bias = random_floats(outputs), dy = random_floats(rows * outputs);
      std::vector<float> y(dy.size(), NAN), dx(x.size(), NAN), dweight(weight.size(), NAN), dbias(bias.size(), NAN);
      const bool biased = any(0, 1) == 1, wanted = any(0, 3) > 0;
      const Head head{.kernels = *kernels,
                      .pool = pool,
                      .threads = any(1, 3),
                      .rows = rows,
                      .inputs = inputs,
                      .outputs = outputs,
                      .x = x.data(),
                      .weight = weight.data(),
                      .bias = biased ? bias.data() : nullptr};
      head.forward(y.data());
      if (wanted) head.backward(dy.data(), {dx.data(), dweight.data(), biased ? dbias.data() : nullptr});
      Doubles of_y(y.size()), of_x(x.size()), of_weight(weight.size()), of_bias(bias.size());
      for (int64_t row = 0; row < rows; row++) {
        for (int64_t o = 0; o < outputs; o++) {
          const auto at = [](const std::vector<float>& of, int64_t place) { return of[static_cast<size_t>(place)]; };
          const size_t place = static_cast<size_t>(row * outputs + o);
          const double error = dy[place];
          of_y[place] = biased ? at(bias, o) : 0;
          for (int64_t k = 0; k < inputs; k++) {
            of_y[place] += static_cast<double>(at(x, row * inputs + k)) * at(weight, o * inputs + k);
          }
          of_bias[static_cast<size_t>(o)] += error;
          for (int64_t k = 0; k < inputs; k++) {
            of_x[static_cast<size_t>(row * inputs + k)] += error * at(weight, o * inputs + k);
            of_weight[static_cast<size_t>(o * inputs + k)] += error * at(x, row * inputs + k);
          }
        }
      }
      const std::string name = std::string(kernels->name) + " head of " + std::to_string(rows) + " rows, " +
                               std::to_string(inputs) + " to " + std::to_string(outputs);
      require_close(y, of_y, 1e-5, name + ": y");
      if (!wanted) continue;
      require_close(dx, of_x, 1e-5, name + ": dx");
      require_close(dweight, of_weight, 1e-5, name + ": dweight");
      if (biased) require_close(dbias, of_bias, 1e-5, name + ": dbias");
    }
  }
}

// A change of one bit, and two words that change places, are seen wherever they are.
void test_fingerprints() {
  for (const Kernels* kernels : available_kernels()) {
    for (const int64_t size : {1, 3, 63, 64, 65, 129, 1000}) {
      std::vector<float> memory = random_floats(size);
      const int64_t bytes = size * static_cast<int64_t>(sizeof(float));
      const auto fingerprint = [&] { return kernels->fingerprint(memory.data(), bytes); };
      const uint64_t before = fingerprint();
      require(before == fingerprint(), "the fingerprint of the same memory differs");
      require(kernels->fingerprint(memory.data(), bytes - 1) != before, "the fingerprint leaves out the last byte");
      for (int64_t i = 0; i < size; i++) {
        auto* word = reinterpret_cast<unsigned char*>(&memory[static_cast<size_t>(i)]);
        for (int bit = 0; bit < 32; bit += 3) {
          word[bit / 8] ^= static_cast<unsigned char>(1 << bit % 8);
          require(fingerprint() != before, "a changed bit leaves the fingerprint as it is");
          word[bit / 8] ^= static_cast<unsigned char>(1 << bit % 8);
        }
        const auto other = static_cast<size_t>(any(0, size - 1));
        if (memory[other] == memory[static_cast<size_t>(i)]) continue;
        std::swap(memory[static_cast<size_t>(i)], memory[other]);
        require(fingerprint() != before, "words that change places leave the fingerprint as it is");
        std::swap(memory[static_cast<size_t>(i)], memory[other]);
      }
      require(before == fingerprint(), "the fingerprint of memory as it was differs");
    }
  }
}

// Large enough for several threads.
void test_threaded_layers(ThreadPool& pool) {
  const Kernels& kernels = *available_kernels().front();
  for (const CellKind cell : {CellKind::kLstm, CellKind::kGru}) {
    const LayerShape shape{cell, 24, 48, cell == CellKind::kLstm ? 20 : 0};
    Trial(kernels, pool, 3, shape, any_schedule(26, 48, cell == CellKind::kGru), 2, true).run();
  }
}

void test_pool(ThreadPool& pool) {
  for (int64_t count = 0; count < 200; count++) {
    std::vector<int> times(static_cast<size_t>(count));
    pool.run(count, 3, [&](int64_t i) { times[static_cast<size_t>(i)]++; });
    for (const int n : times) require(n == 1, "an item has not run once");
  }
  for (int64_t thrower = 0; thrower < 40; thrower++) {
    bool thrown = false;
    try {
      pool.run(40, 3, [&](int64_t i) {
        if (i == thrower) throw std::runtime_error("item");
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    require(thrown, "the error of an item is lost");
  }
  // A caller within an item, and callers on other threads, do their items alone.
  std::atomic<int64_t> sum = 0;
  const auto nested = [&](int64_t) { pool.run(10, 3, [&](int64_t i) { sum += i; }); };
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; i++) callers.emplace_back([&] { pool.run(20, 3, nested); });
  for (std::thread& caller : callers) caller.join();
  require(sum == 3 * 20 * 45, "items of several callers are lost");
  // A pool that ends at once, with threads that have just been made.
  for (int i = 0; i < 20; i++) ThreadPool().run(4, 4, [&](int64_t) { sum++; });
}

}  // namespace

// recurrent [threads] [SEED]: with `threads`, only what several threads do; with a number, other random numbers
int main(int argc, char** argv) {
  bool only_threads = false;
  for (int i = 1; i < argc; i++) {
    if (std::strcmp(argv[i], "threads") == 0) {
      only_threads = true;
      continue;
    }
    char* end = nullptr;
    const unsigned long seed = std::strtoul(argv[i], &end, 10);
    require(end != argv[i] && *end == 0, std::string("the arguments are `threads` and a seed, not ") + argv[i]);
    generator.seed(static_cast<std::mt19937::result_type>(seed));
  }
  ThreadPool pool;
  test_pool(pool);
  test_threaded_layers(pool);
  test_heads(pool);
  if (!only_threads) test_layers(pool);
  test_fingerprints();
  for (const Kernels* kernels : available_kernels()) std::printf("%s\n", kernels->name);
  return 0;
}
