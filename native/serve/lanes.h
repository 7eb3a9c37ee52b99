#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "recurrent/thread_pool.h"
#include "serve/forward.h"
#include "serve/sessions.h"

namespace rnn::serve {

// What a lane computes with: its own threads and memory.
struct Worker {
  ThreadPool pool;
  Forward forward;
  Stepper stepper;

  Worker(const Model& model, int64_t threads) : forward(model, pool, threads), stepper(model, pool, threads) {}
};

// A piece of work for a lane.
class Job {
 public:
  virtual ~Job() = default;
  virtual void run(Worker& worker) = 0;
  // What `run` threw.
  std::exception_ptr error;
};
using JobPtr = std::unique_ptr<Job>;

// Threads that take jobs in the order in which they were posted.
class Lanes {
 public:
  // `done` takes each job after it has run, on the lane's thread.
  Lanes(std::shared_ptr<const Model> model, int64_t lanes, int64_t threads, std::function<void(JobPtr)> done);
  // Waits for the jobs that have begun, and drops the others.
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void post(JobPtr job);

 private:
  void serve();
  void stop();

  const std::shared_ptr<const Model> model_;
  const int64_t threads_of_lane_;
  const std::function<void(JobPtr)> done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<JobPtr> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace rnn::serve
