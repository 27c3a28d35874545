"""What fraud detection is: windows, profiles, features, rules, scores and decisions.

Pure functions and small objects. Nothing here imports Faust, Kafka, a web server or another folder of this project.
"""
