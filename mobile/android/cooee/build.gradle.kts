plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "org.cooee.sdk"
    compileSdk = 36

    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    // The generated bindings call the library through JNA, and their asynchronous functions are suspending.
    implementation("net.java.dev.jna:jna:5.17.0@aar")
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.10.2")
    implementation("androidx.annotation:annotation:1.9.1")
}

// The libraries that `mobile/android/build-aar` puts into src/main/jniLibs.
val natives = file("src/main/jniLibs/arm64-v8a/libcooee_ffi.so")
tasks.named("preBuild") {
    doFirst {
        check(natives.exists()) { "the native library is missing: run mobile/android/build-aar" }
    }
}
