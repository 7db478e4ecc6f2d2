// The register tile: MR rows of the operand times one panel of NV vectors of columns, and the loops around it.
// Dot is how two words are multiplied and added; gemm_avx512bf16.cpp and gemm_avx512vnni.cpp bring their own.
// As in gemv_impl.hpp, no function of the standard library is called here.
#pragma once

#include <utility>

#include "kernels/gemm.hpp"
#include "kernels/vec_portable.hpp"

#if defined(__clang__)
#define MWRT_UNROLL _Pragma("unroll")
#else
#define MWRT_UNROLL _Pragma("GCC unroll 32")
#endif

namespace metaworld_rt::kernels {

typedef float WordAsFloat __attribute__((may_alias));  ///< a word's bits on their way into a vector register

template <class S>
struct Lanes {
  typedef std::uint32_t U __attribute__((vector_size(4 * S::width)));
  typedef std::int32_t I __attribute__((vector_size(4 * S::width)));
  typedef float F __attribute__((vector_size(4 * S::width)));
};

inline constexpr int kAnyRows = 1000;  ///< as many as the registers hold

template <class S>
struct DotF32 {
  static constexpr Storage storage = Storage::fp32;
  static constexpr int most_rows = kAnyRows;
  static constexpr double operations = 2;  ///< a lane
  using Acc = typename S::V;
  using A = typename S::V;
  using B = typename S::V;
  MWRT_INLINE A broadcast(const std::uint32_t* p) { return S::set1(*reinterpret_cast<const WordAsFloat*>(p)); }
  MWRT_INLINE B load(const std::uint32_t* p) { return S::load(reinterpret_cast<const float*>(p)); }
  MWRT_INLINE Acc zero() { return S::set1(0.0f); }
  MWRT_INLINE Acc step(Acc acc, A a, B b) { return S::fma(a, b, acc); }
  MWRT_INLINE typename S::V value(Acc acc) { return acc; }
};

/// bfloat16 without an instruction for it: a shift makes it a float32.
template <class S>
struct DotBf16 {
  static constexpr Storage storage = Storage::bf16;
  static constexpr int most_rows = 4;  // an operand takes two registers, a product several instructions
  static constexpr double operations = 4;
  using U = typename Lanes<S>::U;
  struct Pair {
    typename S::V low, high;
  };
  using Acc = typename S::V;
  using A = Pair;
  using B = Pair;
  MWRT_INLINE Pair split(U u) { return {(typename S::V)(u << 16), (typename S::V)(u & 0xffff0000u)}; }
  MWRT_INLINE A broadcast(const std::uint32_t* p) {
    return split((U)S::set1(*reinterpret_cast<const WordAsFloat*>(p)));
  }
  MWRT_INLINE B load(const std::uint32_t* p) { return split((U)S::load(reinterpret_cast<const float*>(p))); }
  MWRT_INLINE Acc zero() { return S::set1(0.0f); }
  MWRT_INLINE Acc step(Acc acc, A a, B b) { return S::fma(a.high, b.high, S::fma(a.low, b.low, acc)); }
  MWRT_INLINE typename S::V value(Acc acc) { return acc; }
};

/// uint8 times int8 without an instruction for it.
template <class S>
struct DotInt8 {
  static constexpr Storage storage = Storage::int8;
  static constexpr int most_rows = 4;
  static constexpr double operations = 8;
  using U = typename Lanes<S>::U;
  using I = typename Lanes<S>::I;
  using Acc = I;
  using A = U;
  using B = U;
  MWRT_INLINE A broadcast(const std::uint32_t* p) { return (U)S::set1(*reinterpret_cast<const WordAsFloat*>(p)); }
  MWRT_INLINE B load(const std::uint32_t* p) { return (U)S::load(reinterpret_cast<const float*>(p)); }
  MWRT_INLINE Acc zero() { return (I)S::set1(0.0f); }
  MWRT_INLINE Acc step(Acc acc, A a, B b) {
    acc += (I)(a & 255u) * ((I)(b << 24) >> 24);
    acc += (I)(a >> 8 & 255u) * ((I)(b << 16) >> 24);
    acc += (I)(a >> 16 & 255u) * ((I)(b << 8) >> 24);
    acc += (I)(a >> 24) * ((I)b >> 24);
    return acc;
  }
  MWRT_INLINE typename S::V value(Acc acc) { return __builtin_convertvector(acc, typename Lanes<S>::F); }
};

/// Pairs of int16, by S::dot16.
template <class S>
struct DotInt16 {
  static constexpr Storage storage = Storage::int16;
  static constexpr int most_rows = S::dot16_rows;
  static constexpr double operations = 4;
  using U = typename Lanes<S>::U;
  using Acc = typename Lanes<S>::I;
  using A = U;
  using B = U;
  MWRT_INLINE A broadcast(const std::uint32_t* p) { return (U)S::set1(*reinterpret_cast<const WordAsFloat*>(p)); }
  MWRT_INLINE B load(const std::uint32_t* p) { return (U)S::load(reinterpret_cast<const float*>(p)); }
  MWRT_INLINE Acc zero() { return (Acc)S::set1(0.0f); }
  MWRT_INLINE Acc step(Acc acc, A a, B b) { return S::dot16(acc, a, b); }
  MWRT_INLINE typename S::V value(Acc acc) {
    return (typename S::V) __builtin_convertvector(acc, typename Lanes<S>::F);
  }
};

template <class S, class Dot, int MR, int NV>
static __attribute__((noinline)) void tile(const GemmArgs& g, const std::uint32_t* a, const std::uint32_t* b,
                                           std::uint32_t row, std::uint32_t column) noexcept {
  using V = typename S::V;
  typename Dot::Acc acc[MR][NV];
  MWRT_UNROLL
  for (int i = 0; i < MR; ++i) {
    MWRT_UNROLL
    for (int j = 0; j < NV; ++j) acc[i][j] = Dot::zero();
  }
  const std::size_t stride = g.a_stride;
  [[maybe_unused]] const float *scales = g.weights->scale.data(), *sums = g.weights->column_sum.data();
  for (const std::uint32_t* const last = b + static_cast<std::size_t>(g.end - g.begin) * NV * S::width; b != last;) {
    typename Dot::B weight[NV];
    MWRT_UNROLL
    for (int j = 0; j < NV; ++j) weight[j] = Dot::load(b + j * static_cast<int>(S::width));
    MWRT_UNROLL
    for (int i = 0; i < MR; ++i) {
      const typename Dot::A x = Dot::broadcast(a + static_cast<std::size_t>(i) * stride);
      MWRT_UNROLL
      for (int j = 0; j < NV; ++j) acc[i][j] = Dot::step(acc[i][j], x, weight[j]);
    }
    b += NV * S::width;
    ++a;
  }
  float* c = g.c + row * g.c_stride + column;
  MWRT_UNROLL
  for (int i = 0; i < MR; ++i) {
    MWRT_UNROLL
    for (int j = 0; j < NV; ++j) {
      const std::uint32_t at = column + static_cast<std::uint32_t>(j) * S::width;
      V value = Dot::value(acc[i][j]), bias = S::load(g.bias + at);
      if constexpr (Dot::storage == Storage::int8) {
        bias = S::fma(S::set1(-g.a_zero[row + static_cast<std::uint32_t>(i)]), S::load(sums + at), bias);
      }
      if constexpr (is_integer(Dot::storage)) {
        value = S::mul(value, S::mul(S::set1(g.a_scale[row + static_cast<std::uint32_t>(i)]), S::load(scales + at)));
      }
      S::store(c + j * static_cast<int>(S::width), S::add(value, bias));
    }
    c += g.c_stride;
  }
}

using TileFn = void (*)(const GemmArgs&, const std::uint32_t*, const std::uint32_t*, std::uint32_t,
                        std::uint32_t) noexcept;

template <class S, class Dot, int NV, int... I>
static constexpr void fill_tiles(TileFn* table, std::integer_sequence<int, I...>) {
  ((table[I] = tile<S, Dot, I + 1, NV>), ...);
}

/// Tiles of 1..kRows rows for panels of S::tile_vectors vectors, and of 16 columns.
template <class S, class Dot>
struct Gemm {
  static constexpr int kRows = S::tile_rows < Dot::most_rows ? S::tile_rows : Dot::most_rows;
  static constexpr int kNarrow = static_cast<int>(kPad / S::width);
  struct Table {
    TileFn wide[kRows], narrow[kRows];
    constexpr Table() : wide(), narrow() {
      fill_tiles<S, Dot, S::tile_vectors>(wide, std::make_integer_sequence<int, kRows>());
      fill_tiles<S, Dot, kNarrow>(narrow, std::make_integer_sequence<int, kRows>());
    }
  };
  static constexpr Table kTable{};

  /// A panel of weights stays in the cache while every tile of rows passes over it. Rows are split evenly, so that no
  /// small tile is left over.
  static void run(const GemmArgs& g) noexcept {
    if (g.rows == 0) return;
    const PackedWeights& w = *g.weights;
    const std::uint32_t tiles = (g.rows + kRows - 1) / kRows;
    const std::uint32_t small = g.rows / tiles, larger = g.rows % tiles;
    for (std::uint32_t column = 0; column < w.columns;) {
      const std::uint32_t left = w.columns - column, width = left >= w.panel ? w.panel : kPad;
      const TileFn* fn = width == w.panel ? kTable.wide : kTable.narrow;
      const std::uint32_t* b =
          w.data.data() + static_cast<std::size_t>(column) * w.words + static_cast<std::size_t>(g.begin) * width;
      std::uint32_t row = 0;
      for (std::uint32_t t = 0; t < tiles; ++t) {
        const std::uint32_t rows = small + (t < larger ? 1 : 0);
        fn[rows - 1](g, g.a + row * g.a_stride, b, row, column);
        row += rows;
      }
      column += width;
    }
  }

  /// As many accumulators as the tile has, nothing from memory.
  static double peak(std::uint64_t rounds) noexcept {
    constexpr int N = kRows * S::tile_vectors > 24 ? 24 : kRows * S::tile_vectors;
    alignas(64) std::uint32_t words[N + 1][16];
    for (auto& row : words) {
      for (std::uint32_t& word : row) word = 0x3f803f80u;  // two bfloat16 ones, a float32 near one
    }
    asm volatile("" : : "r"(&words[0][0]) : "memory");  // the compiler may not know that they are equal
    const typename Dot::A a = Dot::broadcast(words[N]);
    const typename Dot::B b = Dot::load(words[N]);
    typename Dot::Acc acc[N];
    MWRT_UNROLL
    for (int i = 0; i < N; ++i) acc[i] = Dot::step(Dot::zero(), a, Dot::load(words[i]));
    for (std::uint64_t r = 0; r < rounds; ++r) {
      MWRT_UNROLL
      for (int i = 0; i < N; ++i) acc[i] = Dot::step(acc[i], a, b);
      asm volatile("" ::: "memory");
    }
    alignas(64) float sink[16];
    MWRT_UNROLL
    for (int i = 0; i < N; ++i) {
      S::store(sink, Dot::value(acc[i]));
      asm volatile("" : : "r"(sink) : "memory");
    }
    return static_cast<double>(rounds) * N * S::width * Dot::operations;
  }
};

}  // namespace metaworld_rt::kernels
