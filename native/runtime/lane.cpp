#include "runtime/lane.h"

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

void Lane::post(Job job) {
  {
    std::lock_guard lock(queue_mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

Lane::Pause::Pause(Lane& lane, bool within) {
  for (;;) {
    if (!within) lane.exclusive_.wait(true);
    lane.waiting_.fetch_add(1);
    lock_ = std::unique_lock(lane.running_);
    lane.waiting_.fetch_sub(1);
    if (within || !lane.exclusive_.load()) return;
    lock_.unlock();
  }
}

void Lane::begin_graph(std::shared_ptr<CudaGraph> graph) {
  recorder_.begin(std::move(graph));
  exclusive_.store(true);
}

void Lane::end_graph() {
  const auto release = [this] {
    exclusive_.store(false);
    exclusive_.notify_all();
  };
  try {
    recorder_.end();
  } catch (...) {
    release();
    throw;
  }
  release();
}

void Lane::loop() {
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
    while (waiting_.load() > 0) std::this_thread::yield();
    // LibTorch's thread count belongs to the thread that sets it.
    if (const int wanted = threads_.load(); wanted != threads && wanted > 0) at::set_num_threads(threads = wanted);
    std::lock_guard lock(running_);
    run(job);
  }
  // CUDA ends a recording on the thread that began it only.
  recorder_.abandon();
}

void Lane::run(Job& job) {
  if (!job.batch->error && job.work) {
    try {
      std::vector<at::Tensor> tensors;
      {
        ModeGuard guard(job.mode);
        tensors = job.work();
      }
      for (size_t i = 0; i < job.results.size(); i++) job.results[i]->fulfil(std::move(tensors.at(i)));
    } catch (...) {
      job.batch->error = std::current_exception();
    }
  }
  if (job.batch->error) {
    for (const auto& cell : job.results) {
      if (cell->pending()) cell->fail(job.batch->error);
    }
  }
  job.work = nullptr;
  if (job.done) job.done();
}

}  // namespace rnn::runtime
