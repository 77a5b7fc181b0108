// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "Cooee",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Cooee", targets: ["Cooee"]),
    ],
    targets: [
        // What mobile/apple/build-xcframework makes: the Rust library for devices, simulators and Macs.
        .binaryTarget(name: "CooeeFFI", path: "CooeeFFI.xcframework"),
        .target(name: "Cooee", dependencies: ["CooeeFFI"]),
    ]
)
