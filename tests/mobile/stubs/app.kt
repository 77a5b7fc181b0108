// What of AndroidX and Tauri is written in Kotlin, as `android.java.txt`.
@file:Suppress("unused", "UNUSED_PARAMETER")

package org.cooee.app

import android.webkit.WebView
import androidx.activity.ComponentActivity

/** As wry 0.57 has it. */
abstract class WryActivity : ComponentActivity() {
    open val handleBackNavigation: Boolean = true

    open fun onWebViewCreate(webView: WebView) {}
}

abstract class TauriActivity : WryActivity()

object R {
    object drawable {
        const val ic_call = 1
    }

    object string {
        const val rings = 1
        const val tap_to_answer = 2
        const val in_call = 3
        const val back_to_call = 4
        const val channel_rings = 5
        const val channel_call = 6
    }
}
