// As `app.kt`.
@file:Suppress("unused")

package app.tauri.annotation

annotation class TauriPlugin

annotation class Command

annotation class InvokeArg
