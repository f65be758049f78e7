/// The default policy.
package typealias AdaptiveOrder = S3FIFOOrder
