"""About: what this desk is for, what its verdicts are worth, and what is kept."""

import streamlit as st

from core.detectors import store
from core.detectors.card import Card
from core.errors import VersoError
from core.provenance.trust import VARIABLE
from core.wording import reach
from dashboard.parts.error_sentence import error_sentence
from dashboard.parts.escaping import escaped, escaped_but_code
from dashboard.parts.model_figures import decides_nothing, lead

st.title("About Verso", anchor=False)
st.markdown(
    "*Verso* is the back of a painting, where stamps, labels and repairs tell what the front hides. This desk "
    "helps a person decide whether an artwork was made by a person or by a generator. **It does not decide.** "
    "Accusing an artist falsely is the worst error it can help to make, so it says *inconclusive* where it "
    "has been wrong too often, and it states the error rates of a model with their 95 % ranges."
)

card: Card | None = None
try:
    model = store.default_model()
    card = store.load_card(model)
except VersoError as error:
    st.header("The model at this desk", anchor="model")
    error_sentence(error)
if card is not None:
    if missing := store.what_is_missing(card, store.find_model(model)):
        st.warning(f"**{escaped(card.name)}** cannot judge on this computer: {escaped_but_code(missing)}")
    st.header(f"The model at this desk: {escaped(card.name)}", anchor="model")
    rates = lead(card)
    st.markdown(
        f"{escaped(card.summary)} It says *human* below **{card.thresholds.human_below * 100:.1f} %**, *AI* above "
        f"**{card.thresholds.ai_above * 100:.1f} %**, and *inconclusive* between them. {rates}"
        + (" In brackets 95 % ranges." if rates and not decides_nothing(card) else "")
    )
    st.page_link(
        "app_pages/models.py",
        label="How it was made, how good it is and where it goes wrong",
        icon=":material/badge:",
        query_params={"model": model},
    )


limits = ""
if card is not None:
    limits = (
        f"- It judges a copy of {card.preprocessing.uniform_side} pixels on the short side: what only the full resolution "
        "shows, it cannot see.\n"
    )
    limits += f"- {said} Review tells it of each picture.\n" if (said := reach(card)) else ""
st.header("What no model here can know")
st.markdown(
    "- It knows pictures of 2022 to 2024 best. A generator newer than its corpus can pass as human.\n"
    f"{limits}"
    "- A photograph of a painting, a painted-over generated picture or a retouched one is none of its two classes.\n"
    "- Its probability assumes as many generated as human works. Where generated ones are rare, a verdict *AI* is "
    "wrong more often."
)

st.header("Who signed a file")
st.markdown(
    "A signature in a file (Content Credentials, C2PA) that is intact says that nobody changed the file since. It does not "
    "say who signed: anyone can make a certificate with any name on it. Whoever runs this desk can name the issuers to "
    f"trust: `{VARIABLE}` is the path of a PEM file with their certificates, such as the trust list that C2PA publishes. "
    "The evidence then tells signers on that list from unknown ones. It is read when the desk starts."
)

st.header("What is kept")
st.markdown(
    "**Review** keeps no picture. An upload leaves the server's memory as soon as it is judged; a smaller copy "
    "of it and the findings stay in the memory of your session until you take them off the desk or close the page; what "
    "*Clear the desk* takes off can be put back until you drop another file or leave Review. A note that you typed and did "
    "not rule with stays there until you close the page. A ruling is kept, with the picture's name, its fingerprint (sha256), the verdict, the evidence in a line, your name and your note, "
    "in the database that keeps the audits.\n\n"
    "A zip dropped on **Compare** lies in a temporary folder of the server until the server stops. If the server is killed "
    "or crashes, the zip lies there until the server is started again and its first page opened.\n\n"
    "**Audits** are kept: names, verdicts and rulings in a database of whoever runs the server, and what you uploaded "
    "for one in a folder there, until they are deleted by hand.\n\n"
    "No usage statistics are sent."
)
