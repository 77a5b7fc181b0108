package org.cooee.sdk

import android.content.Context

/** Where the library learns which app it is in. */
object Native {
    init {
        System.loadLibrary("cooee_ffi")
    }

    /**
     * Tells the library which app it is in: once, before the first client, in `Application.onCreate`. Without
     * it the phone's credential store answers with [CooeeException.Storage].
     */
    fun initialise(context: Context) = initialise0(context.applicationContext)

    @JvmStatic
    private external fun initialise0(context: Context)
}
