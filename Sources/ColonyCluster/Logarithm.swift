#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The logarithms that the protocols are scaled by, from whichever C library there is.
enum Logarithm {
    static func natural(_ number: Double) -> Double { log(number) }
    static func decimal(_ number: Double) -> Double { log10(number) }
    /// Base ten, of the complementary error function divided by two: how unlikely a value of so many deviations and more is.
    static func decimalOfNormalTail(_ deviations: Double) -> Double { log10(erfc(deviations / 2.0.squareRoot()) / 2) }
}
