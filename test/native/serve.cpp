// What serves models, without Node and LibTorch, for sanitizers: batches of any sequences against each sequence alone,
// layer by layer; steps of sessions against whole sequences; lanes that are stopped at any time.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "recurrent/layer.h"
#include "serve/lanes.h"
#include "serve/weight_file.h"

#ifndef _WIN32
#include <unistd.h>
#endif

namespace {

using namespace rnn::serve;
using Numbers = std::vector<float>;

std::mt19937 generator(1);

int64_t any(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(generator); }
template <typename T>
T one_of(std::initializer_list<T> values) {
  return values.begin()[any(0, static_cast<int64_t>(values.size()) - 1)];
}
Numbers random_floats(int64_t size, float scale = 1) {
  Numbers floats(static_cast<size_t>(size));
  for (float& x : floats) x = scale * std::normal_distribution<float>()(generator);
  return floats;
}

void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

void require_close(const float* found, const Numbers& expected, const std::string& what) {
  for (size_t i = 0; i < expected.size(); i++) {
    require(std::abs(found[i] - expected[i]) <= 2e-5F * std::max(1.0F, std::abs(expected[i])),
            what + "[" + std::to_string(i) + "] is " + std::to_string(found[i]) + ", not " +
                std::to_string(expected[i]));
  }
}

std::shared_ptr<const Model> any_model(const Kernels& kernels, int64_t directions) {
  const auto cell = static_cast<CellKind>(any(0, 3));
  const int64_t units = one_of<int64_t>({1, 5, 8, 16, 17, 33});
  auto model = std::make_shared<Model>(Model{
      .kernels = kernels,
      .cell = cell,
      .inputs = one_of<int64_t>({1, 3, 7, 16}),
      .units = units,
      .projection = cell == CellKind::kLstm && units > 1 && any(0, 1) == 1 ? any(1, units - 1) : 0,
      .layers = any(1, 3),
      .directions = directions,
      .network = {},
      .around = nullptr,
      .output = static_cast<Output>(any(0, 3)),
  });
  const auto type = any(0, 3) == 0 ? WeightType::kBfloat16 : WeightType::kFloat32;
  // Small, so that a network of ReLU does not grow without bounds.
  const float scale = 0.3F / std::sqrt(static_cast<float>(units));
  for (int64_t index = 0; index < model->layers; index++) {
    const LayerShape shape = model->layer(index);
    for (int64_t d = 0; d < directions; d++) {
      const Numbers x = random_floats(shape.gates() * shape.inputs, scale),
                    h = random_floats(shape.gates() * shape.outputs(), scale), bias = random_floats(shape.gates()),
                    projection = random_floats(shape.projection * units, scale);
      const LayerParameters parameters{x.data(), h.data(), bias.data(), nullptr,
                                       shape.projection > 0 ? projection.data() : nullptr};
      model->network.push_back(std::make_shared<const ForwardWeights>(kernels, shape, parameters, type));
    }
  }
  const int64_t tokens = any(0, 2) == 0 ? any(1, 9) : 0, outputs = one_of<int64_t>({1, 2, 19});
  const Numbers embedding = random_floats(tokens * model->inputs), head = random_floats(outputs * model->width(), scale),
                bias = random_floats(outputs);
  const ModelShape shape{.tokens = tokens,
                         .inputs = model->inputs,
                         .outputs = outputs,
                         .inner = model->width(),
                         .bias = any(0, 1) == 1};
  const ModelParameters parameters{.embedding = embedding.data(), .weight = head.data(), .bias = bias.data()};
  model->around = std::make_shared<const ModelWeights>(kernels, shape, parameters);
  return model;
}

struct Sequences {
  Numbers values;
  std::vector<int32_t> tokens, steps;

  Batch batch() const { return {values.data(), tokens.data(), steps}; }
};

Sequences any_sequences(const Model& model, int64_t count, int64_t most) {
  Sequences sequences;
  for (int64_t i = 0; i < count; i++) sequences.steps.push_back(static_cast<int32_t>(any(1, most)));
  int64_t total = 0;
  for (const int32_t steps : sequences.steps) total += steps;
  if (model.tokens() == 0) sequences.values = random_floats(total * model.inputs);
  for (int64_t i = 0; model.tokens() > 0 && i < total; i++) {
    sequences.tokens.push_back(static_cast<int32_t>(any(0, model.tokens() - 1)));
  }
  return sequences;
}

// The input of the network: (steps, inputs) from step `start` of the batch on.
Numbers input_of(const Model& model, const Sequences& of, int64_t start, int64_t steps) {
  Numbers x;
  for (int64_t t = start; t < start + steps; t++) {
    const float* from = model.tokens() > 0
                            ? model.around->embedding.data() + of.tokens[static_cast<size_t>(t)] * model.inputs
                            : of.values.data() + t * model.inputs;
    x.insert(x.end(), from, from + model.inputs);
  }
  return x;
}

// What the model gives for one sequence, whole layer by whole layer.
Numbers alone(const Model& model, Numbers x, int64_t steps) {
  ThreadPool pool;
  const Schedule schedule(1, std::vector<int64_t>(static_cast<size_t>(steps), 1));
  const int64_t width = model.width(), hidden = model.hidden();
  Numbers last(static_cast<size_t>(width));
  for (int64_t index = 0; index < model.layers; index++) {
    const LayerShape shape = model.layer(index);
    Numbers y(static_cast<size_t>(steps * width));
    const Numbers zeros(static_cast<size_t>(std::max(hidden, model.units)));
    std::vector<Numbers> cells(2, zeros);
    std::vector<DirectionForward> runs;
    for (int64_t d = 0; d < model.directions; d++) {
      runs.push_back({.reverse = d == 1,
                      .weights = &model.weights(index, d),
                      .h_first = zeros.data(),
                      .c_first = zeros.data(),
                      .h_last = last.data() + d * hidden,
                      .c_last = cells[static_cast<size_t>(d)].data(),
                      .y = {y.data() + d * hidden, width},
                      .gates = nullptr,
                      .cell_states = nullptr,
                      .unprojected = nullptr});
    }
    Layer{model.kernels, shape, schedule, {x.data(), shape.inputs, -1}, pool, 1}.forward(runs);
    x = std::move(y);
  }
  Numbers features = model.output == Output::kSequence ? x : last;
  const bool mean = model.output == Output::kMean;
  for (int64_t i = 0; i < width && (mean || model.output == Output::kMax); i++) {
    double sum = 0;
    float most = -std::numeric_limits<float>::infinity();
    for (int64_t t = 0; t < steps; t++) {
      const float y = x[static_cast<size_t>(t * width + i)];
      sum += y;
      most = std::max(most, y);
    }
    features[static_cast<size_t>(i)] = mean ? static_cast<float>(sum / static_cast<double>(steps)) : most;
  }
  const int64_t rows = static_cast<int64_t>(features.size()) / width;
  Numbers outputs(static_cast<size_t>(rows * model.outputs()));
  model.around->apply(model.kernels, rows, {features.data(), width}, outputs.data());
  return outputs;
}

// Puts a number or token that is refused into some sequences; returns where, or -1.
std::vector<int32_t> spoil(const Model& model, Sequences& sequences) {
  std::vector<int32_t> places;
  int64_t start = 0;
  for (const int32_t steps : sequences.steps) {
    const int64_t width = model.tokens() > 0 ? 1 : model.inputs;
    const auto place = any(0, 4) == 0 ? static_cast<int32_t>(any(0, steps * width - 1)) : -1;
    const auto at = static_cast<size_t>(start * width + place);
    if (place >= 0 && model.tokens() > 0) {
      sequences.tokens[at] = one_of({-1, static_cast<int32_t>(model.tokens()), std::numeric_limits<int32_t>::min()});
    } else if (place >= 0) {
      const float infinity = std::numeric_limits<float>::infinity();
      sequences.values[at] = one_of({NAN, infinity, -infinity});
    }
    places.push_back(place);
    start += steps;
  }
  return places;
}

void test_batches() {
  for (const Kernels* kernels : available_kernels()) {
    for (int i = 0; i < 40; i++) {
      const auto model = any_model(*kernels, any(1, 2));
      ThreadPool pool;
      Forward forward(*model, pool, any(1, 3));
      for (int j = 0; j < 3; j++) {
        Sequences sequences = any_sequences(*model, any(1, 12), j == 0 && i % 4 == 0 ? 700 : 12);
        const std::vector<int32_t> places = spoil(*model, sequences);
        const Results results = forward.run(sequences.batch(), true);
        require(results.problems == places, "the problems of a batch");
        const float* found = results.outputs.data();
        int64_t start = 0;
        for (size_t k = 0; k < places.size(); start += sequences.steps[k++]) {
          if (places[k] >= 0) continue;
          const int64_t steps = sequences.steps[k];
          const Numbers expected = alone(*model, input_of(*model, sequences, start, steps), steps);
          require_close(found, expected, std::string(kernels->name) + ", the outputs of a sequence");
          found += expected.size();
        }
        require(found == results.outputs.data() + results.outputs.size(), "the number of outputs of a batch");
      }
    }
  }
}

void test_steps() {
  for (const Kernels* kernels : available_kernels()) {
    for (int i = 0; i < 24; i++) {
      const auto model = any_model(*kernels, 1);
      ThreadPool pool;
      Stepper stepper(*model, pool, any(1, 3));
      Slots slots(*model);
      const int64_t sessions = one_of<int64_t>({1, 3, 49, 150}), steps = any(1, 5);
      std::vector<Sequences> of_sessions;
      std::vector<int32_t> opened;
      for (int64_t k = 0; k < sessions; k++) {
        of_sessions.push_back(any_sequences(*model, 1, 1));
        of_sessions.back().steps[0] = static_cast<int32_t>(steps);
        of_sessions.back().values = random_floats(model->tokens() > 0 ? 0 : steps * model->inputs);
        of_sessions.back().tokens.resize(model->tokens() > 0 ? static_cast<size_t>(steps) : 0);
        opened.push_back(slots.open());
      }
      Numbers outputs(static_cast<size_t>(sessions * model->outputs()));
      for (int64_t t = 0; t < steps; t++) {
        Numbers values;
        std::vector<int32_t> tokens;
        Step step;
        for (int64_t k = 0; k < sessions; k++) {
          const auto& of = of_sessions[static_cast<size_t>(k)];
          if (model->tokens() > 0) tokens.push_back(of.tokens[static_cast<size_t>(t)]);
          if (model->tokens() == 0) {
            const auto from = of.values.begin() + t * model->inputs;
            values.insert(values.end(), from, from + model->inputs);
          }
          step.states.push_back(slots.state(opened[static_cast<size_t>(k)]));
        }
        step.values = values.data();
        step.tokens = tokens.data();
        step.outputs = outputs.data();
        require(stepper.run(step, true).empty(), "steps of finite numbers");
      }
      for (int64_t k = 0; k < sessions; k += std::max<int64_t>(1, sessions / 4)) {
        Numbers expected = alone(*model, input_of(*model, of_sessions[static_cast<size_t>(k)], 0, steps), steps);
        expected.erase(expected.begin(), expected.end() - model->outputs());
        require_close(outputs.data() + k * model->outputs(), expected, std::string(kernels->name) + ", a step");
      }
    }
  }
}

// A step whose state would not be finite leaves it as it was.
void test_refused_steps() {
  const auto model = [] {
    for (;;) {
      auto found = any_model(*available_kernels().front(), 1);
      if (found->tokens() == 0) return found;
    }
  }();
  ThreadPool pool;
  Stepper stepper(*model, pool, 2);
  Slots slots(*model);
  Numbers values = random_floats(100 * model->inputs), outputs(static_cast<size_t>(100 * model->outputs()));
  Step step{.states = {}, .values = values.data(), .outputs = outputs.data()};
  for (int i = 0; i < 100; i++) step.states.push_back(slots.state(slots.open()));
  values[static_cast<size_t>(70 * model->inputs)] = NAN;
  require(stepper.run(step, true) == std::vector<int32_t>{70}, "the step that is refused");
  for (int64_t i = 0; i < slots.state_size(); i++) require(step.states[70][i] == 0, "a state that was left");
  require(stepper.run(step, false).empty(), "no step is refused");
}

void test_slots() {
  const auto model = any_model(*available_kernels().front(), 1);
  Slots slots(*model);
  const int32_t first = slots.open();
  float* state = slots.state(first);
  for (int i = 1; i < 2000; i++) require(slots.open() == first + i, "slots are given in order");
  require(slots.state(first) == state, "states do not move");
  std::fill_n(slots.state(1234), slots.state_size(), 1.0F);
  slots.close(1234);
  require(!slots.is_open(1234) && !slots.is_open(-1) && !slots.is_open(100000) && slots.is_open(1235), "open slots");
  require(slots.open() == 1234 && slots.state(1234)[slots.state_size() - 1] == 0, "a slot is used again");
}

#ifndef _WIN32

// A file that is removed when it is closed.
class TemporaryFile {
 public:
  TemporaryFile() : file_(std::tmpfile()) { require(file_ != nullptr, "a temporary file"); }
  ~TemporaryFile() { std::fclose(file_); }
  int descriptor() const { return fileno(file_); }

 private:
  std::FILE* file_;
};

// Weights in a mapped file give the same bits; a file that has not all of them is refused.
void test_weight_files() {
  for (const Kernels* kernels : available_kernels()) {
    for (int i = 0; i < 12; i++) {
      const auto model = any_model(*kernels, any(1, 2));
      const WeightType type = model->weights(0, 0).type;
      Model shape = *model;
      shape.network.clear();
      shape.around = nullptr;
      const ModelShape around{.tokens = model->tokens(),
                              .inputs = model->inputs,
                              .outputs = model->outputs(),
                              .inner = model->width(),
                              .bias = model->around->bias.size() > 0};
      const TemporaryFile file;
      write_weights(*model, file.descriptor());
      const auto mapped = map_weights(shape, type, around, file.descriptor());
      require(mapped->bytes() == model->bytes(), "the size of mapped weights");
      ThreadPool pool;
      const Sequences sequences = any_sequences(*model, 5, 9);
      const Results found = Forward(*mapped, pool, 1).run(sequences.batch(), true);
      const Results expected = Forward(*model, pool, 1).run(sequences.batch(), true);
      require(std::equal(found.outputs.data(), found.outputs.data() + found.outputs.size(), expected.outputs.data()),
              "the outputs of mapped weights");
      const auto refused = [&](const ModelShape& other) {
        try {
          map_weights(shape, type, other, file.descriptor());
        } catch (const DamagedFile&) {
          return true;
        }
        return false;
      };
      ModelShape larger = around;
      larger.outputs += 64;
      require(refused(larger), "a file of other sizes");
      const off_t size = lseek(file.descriptor(), 0, SEEK_END);
      const off_t place = any(64, size - 1);
      char byte = 0;
      require(pread(file.descriptor(), &byte, 1, 64) == 1, "a byte of a file");
      byte = static_cast<char>(byte ^ 1);
      require(pwrite(file.descriptor(), &byte, 1, 64) == 1, "a byte of a file");
      require(refused(around), "a file with another number");
      require(ftruncate(file.descriptor(), place) == 0 && refused(around), "a file that is truncated");
      require(ftruncate(file.descriptor(), 0) == 0 && refused(around), "an empty file");
    }
  }
}

#endif

class Counting : public Job {
 public:
  Counting(const Sequences& sequences, std::atomic<int>& ran, bool fails)
      : sequences_(sequences), ran_(ran), fails_(fails) {}
  void run(Worker& worker) override {
    results = worker.forward.run(sequences_.batch(), true);
    ran_++;
    if (fails_) throw std::runtime_error("fails");
  }
  bool fails() const { return fails_; }
  Results results;

 private:
  const Sequences& sequences_;
  std::atomic<int>& ran_;
  const bool fails_;
};

void test_lanes() {
  for (int i = 0; i < 20; i++) {
    const auto model = any_model(kPortableKernels, any(1, 2));
    const Sequences sequences = any_sequences(*model, 4, 9);
    std::atomic<int> ran = 0, done = 0, failed = 0;
    const int jobs = static_cast<int>(any(0, 20));
    std::mutex mutex;
    std::vector<Numbers> outputs;
    {
      Lanes lanes(model, any(1, 3), any(1, 2), [&](JobPtr job) {
        auto& counting = static_cast<Counting&>(*job);
        require((job->error != nullptr) == counting.fails(), "an error of a job");
        failed += job->error != nullptr ? 1 : 0;
        const std::lock_guard lock(mutex);
        const float* from = counting.results.outputs.data();
        outputs.emplace_back(from, from + counting.results.outputs.size());
        done++;
      });
      for (int k = 0; k < jobs; k++) lanes.post(std::make_unique<Counting>(sequences, ran, k % 5 == 4));
      // All are done, or the lanes are stopped with jobs in flight.
      while (i % 2 == 0 && done < jobs) std::this_thread::yield();
    }
    require(ran == done && done <= jobs && (i % 2 == 1 || done == jobs), "the jobs that lanes ran");
    require(i % 2 == 1 || failed == jobs / 5, "the jobs that failed");
    for (const Numbers& of : outputs) require(of == outputs[0], "the outputs of lanes");
  }
}

}  // namespace

// serve [threads] [SEED]: with `threads`, only what several threads do; with a number, other random numbers
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
  if (!only_threads) {
    test_batches();
    test_steps();
    test_refused_steps();
    test_slots();
#ifndef _WIN32
    test_weight_files();
#endif
  }
  test_lanes();
  for (const Kernels* kernels : available_kernels()) std::printf("%s\n", kernels->name);
}
