// The one place that knows whether OpenMP is there.
#pragma once

namespace movieembed {

bool has_openmp();
int max_threads();           // what OpenMP would use when not told otherwise
int resolve_threads(int n);  // n <= 0 means max_threads()
int thread_index();          // of the calling thread in its team

}  // namespace movieembed
