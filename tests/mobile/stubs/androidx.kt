// As `app.kt`.
@file:Suppress("unused", "UNUSED_PARAMETER")

package androidx.activity

import android.app.Activity
import android.os.Bundle

open class ComponentActivity : Activity() {
    val onBackPressedDispatcher = OnBackPressedDispatcher()

    override fun onCreate(savedInstanceState: Bundle?) {}
}

abstract class OnBackPressedCallback(enabled: Boolean) {
    var isEnabled = enabled

    abstract fun handleOnBackPressed()
}

class OnBackPressedDispatcher {
    fun addCallback(owner: ComponentActivity, callback: OnBackPressedCallback) {}
}

fun ComponentActivity.enableEdgeToEdge() {}
