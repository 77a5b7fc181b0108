"""call.py SERVER ME OTHER SPEECH.wav: signs up, waits for OTHER, calls, says SPEECH (48 kHz, mono, 16 bits)."""
import asyncio, os, sys, wave
from cooee import Client, ContactStatus, CredentialPlace, PcmInput, PcmOutput, Settings, Sound

async def main(server, me, other, speech):
    settings = Settings(server=server, folder=f"{me}-data", credentials=CredentialPlace.MEMORY)
    client = await Client.open(settings)
    await client.sign_up(me, os.environ["COOEE_PASSWORD"])
    await client.add_contact(other)
    while not any(c.name == other and c.status == ContactStatus.ONLINE for c in client.contacts()):
        await asyncio.sleep(0.1)
    microphone = PcmInput()
    call = await client.place(other, Sound(input=microphone, output=PcmOutput()))
    if await call.connected():
        with wave.open(speech) as file:
            await microphone.write(file.readframes(file.getnframes()))
        await asyncio.sleep(1)
        await call.hang_up()

asyncio.run(main(*sys.argv[1:]))
