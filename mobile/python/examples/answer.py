"""answer.py SERVER ME HEARD.wav: signs up, confirms whoever asks, answers one call and writes down what it hears."""
import asyncio, os, sys, wave
from cooee import Client, ContactStatus, CredentialPlace, PcmInput, PcmOutput, Settings, Sound

async def main(server, me, heard):
    client = await Client.open(Settings(server=server, folder=f"{me}-data", credentials=CredentialPlace.MEMORY))
    await client.sign_up(me, os.environ["COOEE_PASSWORD"])
    print("ready", flush=True)
    while not client.ringing():
        for contact in (c for c in client.contacts() if c.status == ContactStatus.REQUESTED):
            await client.add_contact(contact.name)
        await asyncio.sleep(0.1)
    loudspeaker = PcmOutput()
    await client.answer(Sound(input=PcmInput(), output=loudspeaker))
    with wave.open(heard, "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", None))
        while sound := await loudspeaker.read():
            file.writeframes(sound)

asyncio.run(main(*sys.argv[1:]))
