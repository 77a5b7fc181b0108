// As `app.kt`: tauri 2.12's plugins.
@file:Suppress("unused", "UNUSED_PARAMETER")

package app.tauri.plugin

import android.app.Activity

abstract class Plugin(private val activity: Activity)

class Invoke {
    fun <T> parseArgs(type: Class<T>): T = throw NotImplementedError()

    fun resolve() {}
}
