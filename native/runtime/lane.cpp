#include "runtime/lane.h"
#include "runtime/tensors.h"

#include <ATen/Parallel.h>

#include <stdexcept>

namespace rnn::runtime {

Lane::Lane() : thread_([this] { loop(); }) {}

Lane::~Lane() {
  {
    std::lock_guard lock(queue_mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_one();
  thread_.join();
}

uint64_t Lane::post(Job job) {
  {
    std::lock_guard lock(queue_mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return ++posted_;
}

void Lane::wait(uint64_t job) const {
  for (uint64_t done = completed(); done < job; done = completed()) completed_.wait(done, std::memory_order_acquire);
}

Lane::Pause::Pause(Lane& lane, bool within) { lock_ = std::unique_lock(within ? lane.running_ : lane.outside_); }

void Lane::begin_graph(std::shared_ptr<CudaGraph> graph) {
  std::unique_lock alone(outside_);
  capture_.begin(std::move(graph));
  captured_ = std::move(alone);
}

void Lane::end_graph() {
  const auto release = [this] {
    if (captured_) captured_.unlock();
  };
  try {
    capture_.end();
  } catch (...) {
    release();
    throw;
  }
  release();
}

void Lane::loop() {
  // LibTorch's thread count is a per-thread setting.
  at::init_num_threads();
  int threads = 0;
  for (;;) {
    Job job;
    {
      std::unique_lock lock(queue_mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) break;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    if (const int wanted = threads_.load(); wanted != threads && wanted > 0) at::set_num_threads(threads = wanted);
    {
      const std::lock_guard lock(running_);
      run(job);
    }
    completed_.fetch_add(1, std::memory_order_release);
    completed_.notify_all();
  }
  // A CUDA capture can be ended only on the thread that began it.
  capture_.abandon();
  if (captured_) captured_.unlock();
}

void Lane::run(Job& job) {
  Batch& batch = *job.batch;
  if (job.work && !batch.error && batch.cancelled.load()) batch.error = std::make_exception_ptr(CancelledError());
  if (job.work && !batch.error) {
    try {
      Tensors tensors;
      {
        ModeGuard guard(job.mode);
        tensors = job.work();
      }
      for (size_t i = 0; i < job.results.size(); i++) job.results[i]->fulfil(std::move(tensors.at(i)));
    } catch (...) {
      batch.error = std::current_exception();
    }
  }
  if (batch.error) {
    for (const auto& promise : job.results) {
      if (promise->pending()) promise->fail(batch.error);
    }
  }
  job.work = nullptr;
  job.effects = {};
  job.forecast = nullptr;
  if (job.done) job.done();
}

}  // namespace rnn::runtime
