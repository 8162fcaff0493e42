// Kernels of the CUDA backend. Compiled at run time by NVRTC, so it includes nothing.
//
// Tall arrays are row-major with a leading dimension; k is their number of columns. Every sum has a
// fixed order, whatever the device: no floating-point number is added to by two threads. Offsets
// are 64-bit throughout, for rows times columns outgrow 31 bits long before memory does; the numbers
// of users of a chunk and of items are not (geometry.MOST_ITEMS). Where a warp
// works together, blockDim.x * blockDim.y is a multiple of its 32 threads, and none leaves early.
//
// The functions at the end have C names, one a combination of types; see kernels.py.

typedef long long int64;
typedef unsigned long long uint64;

constexpr int kWarp = 32;

// An index times the bytes of a row: one instruction, with the sum that follows.
__device__ __forceinline__ uint64 times(int index, unsigned bytes) { return (uint64)(unsigned)index * bytes; }

// out[row] = sum over the entries of a task, w_e * source[index_e]; all w_e are 1 unless W.
//
// A task is a piece of a row of the likes, at most so many entries long (geometry.py): a row of one
// piece (slot < 0) is written where it belongs, or added to it; pieces of a longer row go to
// partial[slot], for `reduce`. threadIdx.y is a task of the block, threadIdx.x a column; a thread
// has C columns, a warp apart where there are several, so that neighbours read neighbours and an index
// is read once for all of them.
//
// What limits it is instructions: an entry takes one for its index, one for its address and for each
// column one to load and one to add; and registers, of which few let all warps in that there may be.
template <class T, int C, bool W>
__device__ __forceinline__ void gather(const int* __restrict__ indices, const T* __restrict__ values, const int64* row,
                                       const int64* begin, const int64* end, const int64* slot, int64 n_tasks,
                                       const T* __restrict__ source, unsigned stride, int k, T* out, int64 ldo,
                                       T* partial, int add) {
    const int64 task = (int64)blockIdx.x * blockDim.y + threadIdx.y;
    const int first = blockIdx.y * (C == 1 ? blockDim.x : C * kWarp) + threadIdx.x;
    if (task >= n_tasks || first >= k) return;
    const int64 start = begin[task];
    const int n = (int)(end[task] - start);
    indices += start;
    if (W) values += start;
    const char* base = (const char*)(source + first);
    T sum[C];
    bool there[C];  // the first is
    for (int c = 0; c < C; ++c) {
        sum[c] = 0;
        there[c] = c == 0 || first + c * kWarp < k;
    }
#pragma unroll 4
    for (int e = 0; e < n; ++e) {
        const T* from = (const T*)(base + times(indices[e], stride));
        const T w = W ? values[e] : T(1);
        for (int c = 0; c < C; ++c)
            if (there[c]) sum[c] += W ? w * from[c * kWarp] : from[c * kWarp];
    }
    const int64 place = slot[task];
    T* to = (place < 0 ? out + row[task] * ldo : partial + place * k) + first;
    for (int c = 0; c < C; ++c)
        if (there[c]) to[c * kWarp] = add && place < 0 ? to[c * kWarp] + sum[c] : sum[c];
}

// out[rows[r]] = sum of partial[first[r]] .. partial[first[r + 1] - 1], in that order.
template <class T>
__device__ void reduce(const int64* rows, const int64* first, int64 n_rows, const T* partial, int64 k, T* out,
                       int64 ldo, int add) {
    const int64 r = (int64)blockIdx.x * blockDim.y + threadIdx.y;
    const int64 column = (int64)blockIdx.y * blockDim.x + threadIdx.x;
    if (r >= n_rows || column >= k) return;
    T* to = out + rows[r] * ldo + column;
    double sum = add ? (double)*to : 0.0;
    for (int64 s = first[r]; s < first[r + 1]; ++s) sum += (double)partial[s * k + column];
    *to = (T)sum;
}

// out[r] = a_r . b_r in double. blockDim.x lanes, a power of two up to 32, share a row.
template <class T>
__device__ void row_dots(const T* a, int64 lda, const T* b, int64 ldb, int64 n_rows, int64 k, double* out) {
    const int64 r = (int64)blockIdx.x * blockDim.y + threadIdx.y;
    double sum = 0;
    if (r < n_rows)
        for (int64 column = threadIdx.x; column < k; column += blockDim.x)
            sum += (double)a[r * lda + column] * (double)b[r * ldb + column];
    for (int offset = blockDim.x / 2; offset > 0; offset /= 2)
        sum += __shfl_down_sync(0xffffffffu, sum, offset, blockDim.x);
    if (r < n_rows && threadIdx.x == 0) out[r] = sum;
}

// out[chunk] = the column-wise sums of a * b over `height` rows, in double; out is (chunks, k).
template <class T>
__device__ void column_dots(const T* a, int64 lda, const T* b, int64 ldb, int64 n_rows, int64 k, int64 height,
                            double* out) {
    const int64 chunk = (int64)blockIdx.x * blockDim.y + threadIdx.y;
    const int64 column = (int64)blockIdx.y * blockDim.x + threadIdx.x;
    const int64 begin = chunk * height;
    if (begin >= n_rows || column >= k) return;
    const int64 end = begin + height < n_rows ? begin + height : n_rows;
    double sum = 0;
    for (int64 r = begin; r < end; ++r) sum += (double)a[r * lda + column] * (double)b[r * ldb + column];
    out[chunk * k + column] = sum;
}

// g = 4 (VG - XV - diag(n) V), where g (contiguous) holds VG before.
template <class T>
__device__ void masked_gradient(const T* v, int64 ldv, const T* xv, int64 ldx, const double* n, int64 n_rows, int64 k,
                                T* g) {
    const int64 r = (int64)blockIdx.x * blockDim.y + threadIdx.y;
    const int64 column = (int64)blockIdx.y * blockDim.x + threadIdx.x;
    if (r >= n_rows || column >= k) return;
    T* at = g + r * k + column;
    *at = 4 * (*at - xv[r * ldx + column] - (T)n[r] * v[r * ldv + column]);
}

// out = scale (XQ + diag(delta) Q - Q diag(theta)).
template <class T>
__device__ void residual(const T* q, int64 ldq, const T* xq, int64 ldx, const double* delta, const double* theta,
                         double scale, int64 n_rows, int64 k, T* out, int64 ldo) {
    const int64 r = (int64)blockIdx.x * blockDim.y + threadIdx.y;
    const int64 column = (int64)blockIdx.y * blockDim.x + threadIdx.x;
    if (r >= n_rows || column >= k) return;
    const double shift = delta[r] - theta[column];
    out[r * ldo + column] = (T)(scale * ((double)xq[r * ldx + column] + shift * (double)q[r * ldq + column]));
}

// out[b] += row rows[b] of A'A, for a 0/1 matrix A by its columns (ptr, indices) and by its rows
// (other_ptr, other_indices). A block has a piece of a row: `piece` of its entries from
// blockIdx.x * piece on. Counts are integers, whose sums do not depend on the order. If `upper`, only
// columns from the diagonal on are counted.
extern "C" __global__ void count_rows(const int64* ptr, const int* indices, const int64* other_ptr,
                                      const int* other_indices, const int64* rows, int64 width, int64 piece, int upper,
                                      unsigned* out) {
    const int64 row = rows[blockIdx.y];
    const int64 begin = ptr[row] + (int64)blockIdx.x * piece;
    const int64 end = begin + piece < ptr[row + 1] ? begin + piece : ptr[row + 1];
    const int64 from = upper ? row : 0;
    unsigned* to = out + (int64)blockIdx.y * width;
    for (int64 e = begin + threadIdx.y; e < end; e += blockDim.y) {
        const int64 other = indices[e];
        for (int64 f = other_ptr[other] + threadIdx.x; f < other_ptr[other + 1]; f += blockDim.x) {
            const int64 column = other_indices[f];
            if (column >= from) atomicAdd(to + column, 1u);
        }
    }
}

// The same for a matrix of weights, in double: a block has the columns of one of gridDim.x parts of a
// row, and takes all entries of the row one after another, so that each number has one sum in one order.
// Products are rounded before they are added, for w * x and -w * x must cancel.
template <class T>
__device__ void weigh_rows(const int64* ptr, const int* indices, const T* values, const int64* other_ptr,
                           const int* other_indices, const T* other_values, const int64* rows, int64 width,
                           double* out) {
    const int64 row = rows[blockIdx.y];
    const int64 low = width * blockIdx.x / gridDim.x, high = width * (blockIdx.x + 1) / gridDim.x;
    double* to = out + (int64)blockIdx.y * width;
    for (int64 e = ptr[row]; e < ptr[row + 1]; ++e) {
        const int64 other = indices[e];
        const double w = (double)values[e];
        for (int64 f = other_ptr[other] + threadIdx.x; f < other_ptr[other + 1]; f += blockDim.x) {
            const int64 column = other_indices[f];
            if (column >= low && column < high)
                to[column] = __dadd_rn(to[column], __dmul_rn(w, (double)other_values[f]));
        }
        __syncthreads();
    }
}

// squares[r] and totals[r], the sums of a_rj^2 and a_rj over the columns j other than diagonal[r], or
// all where diagonal is null. A block has a row.
template <class T>
__device__ void row_sums(const T* a, int64 width, const int64* diagonal, double* squares, double* totals) {
    __shared__ double of_warps[2][32];
    const T* from = a + (int64)blockIdx.x * width;
    const int64 own = diagonal ? diagonal[blockIdx.x] : -1;
    double square = 0, total = 0;
    for (int64 j = threadIdx.x; j < width; j += blockDim.x) {
        const double x = j == own ? 0.0 : (double)from[j];
        square += x * x;
        total += x;
    }
    for (int offset = 16; offset > 0; offset /= 2) {
        square += __shfl_down_sync(0xffffffffu, square, offset, 32);
        total += __shfl_down_sync(0xffffffffu, total, offset, 32);
    }
    if (threadIdx.x % 32 == 0) {
        of_warps[0][threadIdx.x / 32] = square;
        of_warps[1][threadIdx.x / 32] = total;
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (unsigned w = 1; w < blockDim.x / 32; ++w) {
        square += of_warps[0][w];
        total += of_warps[1][w];
    }
    squares[blockIdx.x] = square;
    totals[blockIdx.x] = total;
}

// The order of numbers as that of unsigned keys; 0 where X has no entry. That is a count of 0, and a
// sum of -0.0, as which it starts: weights that cancel make +0.0.
__device__ unsigned key_of(unsigned count) { return count; }

__device__ uint64 key_of(double sum) {
    const uint64 sign = (uint64)1 << 63;
    const uint64 bits = (uint64)__double_as_longlong(sum);
    if (bits == sign) return 0;
    return bits & sign ? ~bits : bits | sign;
}

template <class T>
__device__ bool precedes(T x, int64 column, T y, int64 other) {
    return column >= 0 && (other < 0 || x > y || (x == y && column < other));
}

// The k largest entries of each row of a (width columns, at least k), but for column diagonal[r], by
// falling value, equal ones by rising column; then columns of -1. Rows of the results are `padded`
// long, the least power of two from k on, and their first k count. No key has more than `bits` bits.
//
// A block has a row. It finds the k-th largest key from its digits, the highest first, by a histogram
// of each; collects what is larger, in any order, and as many of the equal ones as are left, the first
// by column; and sorts them by Batcher's bitonic network.
template <class T, class K>
__device__ void top_k(const T* a, int64 width, const int64* diagonal, int64 k, int bits, int64 padded, int64* columns,
                      T* values) {
    __shared__ unsigned histogram[256];
    __shared__ unsigned digit_found, taken;
    __shared__ int64 left, equals[32];
    const T* from = a + (int64)blockIdx.x * width;
    columns += (int64)blockIdx.x * padded;
    values += (int64)blockIdx.x * padded;
    const int64 own = diagonal[blockIdx.x];

    K bar = 0, seen = 0;  // the digits of the k-th largest key so far, and where they are
    int64 wanted = k;     // of the keys with these digits
    for (int shift = bits - 8; shift >= 0; shift -= 8) {
        for (unsigned d = threadIdx.x; d < 256; d += blockDim.x) histogram[d] = 0;
        if (threadIdx.x == 0) taken = 0;
        __syncthreads();
        for (int64 j = threadIdx.x; j < width; j += blockDim.x) {
            const K key = j == own ? 0 : key_of(from[j]);
            const unsigned digit = (unsigned)(key >> shift) & 255u;
            // Most digits are 0. All that are not counted are.
            if (digit && (key & seen) == bar) atomicAdd(&histogram[digit], 1u);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            unsigned digit = 255;
            int64 rest = wanted;
            while (digit > 0 && rest > histogram[digit]) rest -= histogram[digit--];
            digit_found = digit;
            left = rest;
        }
        __syncthreads();
        bar |= (K)digit_found << shift;
        seen |= (K)255 << shift;
        wanted = left;
    }

    // A warp has a run of columns, so that the equal keys of a run are numbered from those before it.
    const int64 warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int64 run = (width + 32 * warps - 1) / (32 * warps) * 32;
    const int64 begin = warp * run, end = begin + run < width ? begin + run : width;
    int64 equal = 0;
    for (int64 at = begin; at < end; at += 32) {
        const int64 j = at + lane;
        const K key = j >= end || j == own ? 0 : key_of(from[j]);
        if (key > bar) {
            const unsigned place = atomicAdd(&taken, 1u);
            columns[place] = j;
            values[place] = from[j];
        }
        equal += __popc(__ballot_sync(0xffffffffu, bar && key == bar));
    }
    if (lane == 0) equals[warp] = equal;
    __syncthreads();
    int64 before = 0;
    for (int64 w = 0; w < warp; ++w) before += equals[w];
    for (int64 at = begin; bar && at < end && before < wanted; at += 32) {
        const int64 j = at + lane;
        const bool is_equal = j < end && j != own && key_of(from[j]) == bar;
        const unsigned all = __ballot_sync(0xffffffffu, is_equal);
        const int64 place = before + __popc(all & ((1u << lane) - 1u));
        if (is_equal && place < wanted) {
            columns[k - wanted + place] = j;
            values[k - wanted + place] = from[j];
        }
        before += __popc(all);
    }
    for (int64 place = (bar ? k : taken) + threadIdx.x; place < padded; place += blockDim.x) {
        columns[place] = -1;
        values[place] = 0;
    }

    for (int64 size = 2; size <= padded; size *= 2)
        for (int64 stride = size / 2; stride > 0; stride /= 2) {
            __syncthreads();
            for (int64 pair = threadIdx.x; pair < padded / 2; pair += blockDim.x) {
                const int64 i = 2 * pair - (pair & (stride - 1)), j = i + stride;
                const T x = values[i], y = values[j];
                const int64 column = columns[i], other = columns[j];
                const bool falling = (i & size) == 0;
                if (falling ? precedes(y, other, x, column) : precedes(x, column, y, other)) {
                    values[i] = y;
                    values[j] = x;
                    columns[i] = other;
                    columns[j] = column;
                }
            }
        }
}

// Blocks of 256 threads (geometry.THREADS) that fill a multiprocessor; doubles fill five eighths.
#if __CUDA_ARCH__ == 800 || __CUDA_ARCH__ == 900 || __CUDA_ARCH__ == 1000 || __CUDA_ARCH__ == 1030
#define BLOCKS_F32 8
#define BLOCKS_F64 5
#elif __CUDA_ARCH__ == 750
#define BLOCKS_F32 4
#define BLOCKS_F64 4
#else
#define BLOCKS_F32 6
#define BLOCKS_F64 5
#endif

#define GATHER(NAME, T, C, W, BLOCKS)                                                                                  \
    extern "C" __global__ void __launch_bounds__(256, BLOCKS)                                                          \
        NAME(const int* indices, const T* values, const int64* row, const int64* begin, const int64* end,              \
             const int64* slot, int64 n_tasks, const T* source, unsigned stride, int k, T* out, int64 ldo, T* partial, \
             int add) {                                                                                                \
        gather<T, C, W>(indices, values, row, begin, end, slot, n_tasks, source, stride, k, out, ldo, partial, add);   \
    }

#define GATHERS(NAME, T, W, BLOCKS)   \
    GATHER(NAME##_1, T, 1, W, BLOCKS) \
    GATHER(NAME##_2, T, 2, W, BLOCKS) \
    GATHER(NAME##_3, T, 3, W, BLOCKS) \
    GATHER(NAME##_4, T, 4, W, BLOCKS)

#define ROW_DOTS(NAME, T)                                                                                \
    extern "C" __global__ void NAME(const T* a, int64 lda, const T* b, int64 ldb, int64 n_rows, int64 k, \
                                    double* out) {                                                       \
        row_dots<T>(a, lda, b, ldb, n_rows, k, out);                                                     \
    }

#define WEIGH_ROWS(NAME, T)                                                                                          \
    extern "C" __global__ void NAME(const int64* ptr, const int* indices, const T* values, const int64* other_ptr,   \
                                    const int* other_indices, const T* other_values, const int64* rows, int64 width, \
                                    double* out) {                                                                   \
        weigh_rows<T>(ptr, indices, values, other_ptr, other_indices, other_values, rows, width, out);               \
    }

// Blocks of up to so many threads (geometry.ROW_THREADS): the compiler keeps their registers in bounds.
#define ROW_KERNEL extern "C" __global__ void __launch_bounds__(512)

#define ROW_SUMS(NAME, T)                                                                              \
    ROW_KERNEL NAME(const T* a, int64 width, const int64* diagonal, double* squares, double* totals) { \
        row_sums<T>(a, width, diagonal, squares, totals);                                              \
    }

#define TOP_K(NAME, T, K)                                                                                            \
    ROW_KERNEL NAME(const T* a, int64 width, const int64* diagonal, int64 k, int bits, int64 padded, int64* columns, \
                    T* values) {                                                                                     \
        top_k<T, K>(a, width, diagonal, k, bits, padded, columns, values);                                           \
    }

#define FOR_VALUE(F, T, BLOCKS)                                                                                     \
    GATHERS(gather_##F, T, false, BLOCKS)                                                                           \
    GATHERS(gather_weighted_##F, T, true, BLOCKS)                                                                   \
    WEIGH_ROWS(weigh_rows_##F, T)                                                                                   \
    ROW_DOTS(row_dots_##F, T)                                                                                       \
    extern "C" __global__ void reduce_##F(const int64* rows, const int64* first, int64 n_rows, const T* partial,    \
                                          int64 k, T* out, int64 ldo, int add) {                                    \
        reduce<T>(rows, first, n_rows, partial, k, out, ldo, add);                                                  \
    }                                                                                                               \
    extern "C" __global__ void column_dots_##F(const T* a, int64 lda, const T* b, int64 ldb, int64 n_rows, int64 k, \
                                               int64 height, double* out) {                                         \
        column_dots<T>(a, lda, b, ldb, n_rows, k, height, out);                                                     \
    }                                                                                                               \
    extern "C" __global__ void masked_gradient_##F(const T* v, int64 ldv, const T* xv, int64 ldx, const double* n,  \
                                                   int64 n_rows, int64 k, T* g) {                                   \
        masked_gradient<T>(v, ldv, xv, ldx, n, n_rows, k, g);                                                       \
    }                                                                                                               \
    extern "C" __global__ void residual_##F(const T* q, int64 ldq, const T* xq, int64 ldx, const double* delta,     \
                                            const double* theta, double scale, int64 n_rows, int64 k, T* out,       \
                                            int64 ldo) {                                                            \
        residual<T>(q, ldq, xq, ldx, delta, theta, scale, n_rows, k, out, ldo);                                     \
    }

FOR_VALUE(f32, float, BLOCKS_F32)
FOR_VALUE(f64, double, BLOCKS_F64)
ROW_SUMS(row_sums_u32, unsigned)
ROW_SUMS(row_sums_f64, double)
TOP_K(top_k_u32, unsigned, unsigned)
TOP_K(top_k_f64, double, uint64)
